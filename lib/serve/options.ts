// What a server may be told, with its defaults: checked before anything listens.

import { RetemperError } from "../errors.js";
import type { Model } from "../generate/types.js";
import type { AdapterFolder } from "../generate/variantTypes.js";
import { hostCheck } from "../http/hostCheck.js";
import type { ServeDefaults } from "./serveDefaults.js";
import type { ServerPart } from "./serverPart.js";

/** A request that has ended; for logs. */
export interface ServedRequest {
  readonly method: string;
  /** The route, without what the client put into it. */
  readonly route: string;
  /** 499: the client left before its answer was complete. */
  readonly status: number;
  readonly seconds: number;
  /** What went wrong where the server is at fault, which the client is not told. */
  readonly error?: unknown;
}

export interface ServeOptions {
  /** 127.0.0.1 by default: reachable from this machine only. */
  readonly host?: string | undefined;
  /** 8000 by default; 0: any that is free. */
  readonly port?: number | undefined;
  /** Names that requests may call this server by (their Host header), beside the loopback's and `host`; "*" for any. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** What requests call the model; the last part of its path by default. */
  readonly name?: string | undefined;
  /** Asked of every request below /v1, and of what `parts` guard, as a bearer token. */
  readonly apiKey?: string | undefined;
  /** Answers in work at once; 32 by default, 128 on a GPU. */
  readonly slots?: number | undefined;
  /** Requests that may wait for slots, 128 by default; further ones are refused with 429. */
  readonly queue?: number | undefined;
  /** New tokens that a request may ask for in one answer; 4096 by default. */
  readonly maxTokens?: number | undefined;
  /** Answers that one request may ask for: its prompts times `n`; 128 by default. */
  readonly maxAnswers?: number | undefined;
  /** Bytes of a request's body; 4 MiB by default. */
  readonly bodyLimit?: number | undefined;
  /** How long `close` lets requests in flight go on, in milliseconds; 30,000 by default. */
  readonly graceMs?: number | undefined;
  /** How long a client may take nothing of its answer before it is let go, in milliseconds; 60,000 by default. */
  readonly stallMs?: number | undefined;
  readonly defaults?: ServeDefaults | undefined;
  /** Of `openWithAdapters`: requests may load these adapters by names of their own, and name them as their model. */
  readonly adapters?: AdapterFolder | undefined;
  /** Further routes, such as the page of `playPage`. */
  readonly parts?: readonly ServerPart[] | undefined;
  /** Called when a request has ended. */
  readonly onRequest?: ((request: ServedRequest) => void) | undefined;
}

/** The options with their defaults. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly isOurs: (hostHeader: string | undefined) => boolean;
  readonly name: string;
  readonly apiKey: string | undefined;
  readonly slots: number;
  readonly queue: number;
  readonly maxTokens: number;
  readonly maxAnswers: number;
  readonly bodyLimit: number;
  readonly graceMs: number;
  readonly stallMs: number;
  readonly defaults: ServeDefaults;
  readonly adapters: AdapterFolder | undefined;
  readonly parts: readonly ServerPart[];
  readonly onRequest: ((request: ServedRequest) => void) | undefined;
}

/** What HTTP's headers carry as it is: of Latin-1 what is visible, with spaces in between. */
const SENDABLE = /^[!-~\xa1-\xff](?:[ -~\xa0-\xff]*[!-~\xa1-\xff])?$/;

/** Larger timers fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws RetemperError USAGE */
export function serverSettings({ facts }: Pick<Model, "facts">, options: ServeOptions): ServerSettings {
  const { apiKey, defaults = {} } = options;
  if (facts.variants !== undefined) {
    throw new RetemperError("USAGE", "a model that was opened with variants cannot be served", {
      hint: "open one recipe, or a recipe with lambdas",
    });
  }
  if (apiKey !== undefined && (typeof apiKey !== "string" || apiKey.trim() === "")) {
    throw new RetemperError("USAGE", "the API key is empty", { hint: "leave it out where no key is wanted" });
  }
  if (apiKey !== undefined && !SENDABLE.test(apiKey)) {
    throw new RetemperError("USAGE", "no request could carry this API key in its header", {
      hint: "take Latin letters, numbers and signs, without a space or a line's end before or after them",
    });
  }
  const maxTokens = whole("maxTokens", options.maxTokens ?? 4096, 1);
  if (defaults.maxNewTokens !== undefined && whole("defaults.maxNewTokens", defaults.maxNewTokens, 1) > maxTokens) {
    throw new RetemperError("USAGE", `maxNewTokens of ${defaults.maxNewTokens} is more than maxTokens, ${maxTokens}`);
  }
  const { host = "127.0.0.1", allowedHosts } = options;
  return {
    host,
    isOurs: hostCheck({ host, allowed: allowedHosts }),
    port: whole("port", options.port ?? 8000, 0, 65_535),
    name: nameOf(options.name ?? lastPart(options.adapters?.base ?? facts.model)),
    apiKey,
    slots: whole("slots", options.slots ?? (facts.gpu ? 128 : 32), 1),
    queue: whole("queue", options.queue ?? 128, 0),
    maxTokens,
    maxAnswers: whole("maxAnswers", options.maxAnswers ?? 128, 1),
    bodyLimit: whole("bodyLimit", options.bodyLimit ?? 4 * 2 ** 20, 1),
    graceMs: whole("graceMs", options.graceMs ?? 30_000, 0, LONGEST_TIMER),
    stallMs: whole("stallMs", options.stallMs ?? 60_000, 1, LONGEST_TIMER),
    defaults: { ...defaults, ...checkedDefaults(defaults) },
    adapters: options.adapters,
    parts: options.parts ?? [],
    onRequest: options.onRequest,
  };
}

function checkedDefaults({ temperature, topP, topK, repetitionPenalty }: ServeDefaults): ServeDefaults {
  const check = (name: string, value: number | undefined, fits: (value: number) => boolean, wanted: string) => {
    if (value === undefined || (typeof value === "number" && Number.isFinite(value) && fits(value))) return;
    throw new RetemperError("USAGE", `defaults.${name} must be ${wanted}, not ${String(value)}`);
  };
  check("temperature", temperature, (value) => value >= 0, "0 or more");
  check("topP", topP, (value) => value > 0 && value <= 1, "above 0 and at most 1");
  check("topK", topK, (value) => Number.isSafeInteger(value) && value >= 0, "a whole number");
  check("repetitionPenalty", repetitionPenalty, (value) => value > 0, "above 0");
  return { temperature, topP, topK, repetitionPenalty };
}

function whole(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const limit = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new RetemperError("USAGE", `${name} must be a whole number ${limit}, not ${String(value)}`);
}

/** "models/merged/" is "merged", "recipe.yml" is "recipe". */
function lastPart(model: string): string {
  const [last] = model
    .split(/[\\/]+/)
    .filter((part) => !/^\.{0,2}$/.test(part))
    .slice(-1);
  return last?.replace(/\.ya?ml$/i, "").replaceAll("@", "_") || "model";
}

function nameOf(name: string): string {
  if (typeof name === "string" && /^[^@\s\p{Cc}](?:[^@\p{Cc}]*[^@\s\p{Cc}])?$/u.test(name)) return name;
  throw new RetemperError("USAGE", `${JSON.stringify(name)} cannot be a model's name: @ separates the lambda from it`);
}
