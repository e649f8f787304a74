// What the environment says of the hub: its address, the user's token, whether to stay off the network.

import { join } from "node:path";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { type CacheOptions, hubCache, hubHome } from "./cache.js";

export interface HubOptions extends CacheOptions {
  /** Address of the hub; HF_ENDPOINT, else the public one. */
  readonly endpoint?: string | undefined;
  /** HF_TOKEN, else the file that a login wrote (HF_TOKEN_PATH, HF_HOME/token). */
  readonly token?: string | undefined;
  /** Nothing but the cache; HF_HUB_OFFLINE. */
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when something is tried again, or the cache stands in for a hub that cannot be reached. */
  readonly onNote?: ((message: string) => void) | undefined;
  /** Milliseconds before the first retry; each later one waits twice as long. 1000 by default. */
  readonly retryDelayMs?: number | undefined;
}

export interface HubSettings {
  readonly cache: string;
  readonly endpoint: URL;
  readonly token: string | undefined;
  readonly offline: boolean;
  /** Where that was said, and how it is undone: for messages. */
  readonly offlineBy: { readonly what: string; readonly undo: string };
  readonly signal: AbortSignal | undefined;
  readonly note: (message: string) => void;
  readonly retryDelayMs: number;
}

export const PUBLIC_HUB = "https://huggingface.co";

/** @throws RetemperError USAGE for an address that is none */
export async function hubSettings(options: HubOptions = {}): Promise<HubSettings> {
  const { env = process.env } = options;
  const said = offlineIn(env);
  const address = options.endpoint || env.HF_ENDPOINT || PUBLIC_HUB;
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    throw new RetemperError("USAGE", `${JSON.stringify(address)} is not the address of a hub.`, {
      hint: `HF_ENDPOINT is an address such as ${PUBLIC_HUB}`,
    });
  }
  return {
    cache: hubCache(options),
    endpoint: new URL(address.endsWith("/") ? address : `${address}/`),
    token: options.token || (await tokenOf(env)),
    offline: options.offline ?? said !== undefined,
    offlineBy: options.offline === undefined && said ? said : BY_OPTION,
    signal: options.signal,
    note: options.onNote ?? (() => {}),
    retryDelayMs: options.retryDelayMs ?? 1000,
  };
}

const BY_OPTION = { what: "the option offline is set", undo: "leave the option offline out" };

/** Where the environment says to stay off the network, and how that is undone; undefined where it does not. */
export function offlineIn(env: HubOptions["env"] = process.env): HubSettings["offlineBy"] | undefined {
  const value = env.HF_HUB_OFFLINE ?? "";
  if (!/^(1|on|yes|true)$/i.test(value)) return undefined;
  return { what: `HF_HUB_OFFLINE=${value} is set`, undo: "unset HF_HUB_OFFLINE" };
}

async function tokenOf(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  const given = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN;
  if (given) return given.trim();
  const path = env.HF_TOKEN_PATH || join(hubHome(env), "token");
  const text = await readTextAtMost(path, { most: 65_536, what: "a token" }).catch(() => "");
  return text.trim() || undefined;
}
