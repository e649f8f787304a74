// Where the hub's cache is and how it is laid out: the layout of Python's huggingface_hub, so that both share files.

import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface CacheOptions {
  /** Folder of the cache, instead of the one that the environment names (--transformers-cache). */
  readonly cache?: string | undefined;
  /** Default: process.env. Read: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** The hub's cache: the option, else HF_HUB_CACHE, HF_HOME/hub, else ~/.cache/huggingface/hub. */
export function hubCache({ cache, env = process.env }: CacheOptions = {}): string {
  const chosen = cache || env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome(env), "hub");
  return resolve(withHome(chosen, env));
}

/** HF_HOME, else ~/.cache/huggingface: the cache and the token's file are in it. */
export function hubHome(env: Readonly<Record<string, string | undefined>>): string {
  return withHome(env.HF_HOME || join(env.XDG_CACHE_HOME || "~/.cache", "huggingface"), env);
}

/** `models--org--name/{refs,blobs,snapshots/<commit>}`; snapshots hold links to blobs. */
export function repositoryFolder(cache: string, kind: "models" | "datasets", id: string): string {
  return join(cache, `${kind}--${id.replaceAll("/", "--")}`);
}

function withHome(path: string, env: Readonly<Record<string, string | undefined>>): string {
  return path.replace(/^~(?=\/|$)/, env.HOME || homedir());
}
