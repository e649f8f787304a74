// The folder in which this project keeps what it can make or have again.

import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface OwnCacheOptions {
  /** Overrides the environment. */
  readonly cache?: string | undefined;
  /** Default: process.env. Read: RETEMPER_CACHE, XDG_CACHE_HOME. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** RETEMPER_CACHE, else $XDG_CACHE_HOME/retemper, else ~/.cache/retemper. */
export function ownCache({ cache, env = process.env }: OwnCacheOptions = {}): string {
  return resolve(cache || env.RETEMPER_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "retemper"));
}
