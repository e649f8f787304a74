// Requests to the hub: retried where it helps, and the token never leaves the hub's own address.

import { RetemperError } from "../errors.js";
import { chunksOf, leave, orAborted } from "./aborting.js";
import { partStart } from "./partStart.js";
import { type Asked, refusal } from "./refusal.js";
import type { HubSettings } from "./settings.js";
import { ATTEMPTS, inTries } from "./tries.js";

export interface HubRequest extends Asked {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** Follow redirects within the hub only, and answer with the first one that leads out of it. */
  readonly stopAtForeign?: boolean;
  /** The answer must be the part that `range` asks for: what a server that knows no ranges sends begins elsewhere. */
  readonly partial?: boolean;
}

const MOST_REDIRECTS = 10;

/**
 * A response with a status below 400. 429, 5xx and broken connections are tried again, with growing pauses or after what
 * the server asks for; 401, 403, 404 are not.
 * @throws RetemperError NETWORK that says what helps
 */
export async function hubRequest(url: URL, request: HubRequest, settings: HubSettings): Promise<Response> {
  const attempt = async () => {
    const response = await follow(url, request, settings);
    if (response.status < 400) return { value: response };
    await response.body?.cancel();
    if (response.status !== 429 && response.status < 500) throw refusal(response, request, settings);
    return { problem: `it answered ${response.status}`, pause: waitAsked(response) };
  };
  const failure = (problem: string) =>
    unreachable(`${request.what} could not be had from ${url.host}: ${problem}, ${ATTEMPTS} times.`);
  return inTries(attempt, { host: url.host, failure }, settings);
}

/** More than any repository's description has. */
const LONGEST_ANSWER = 256 * 2 ** 20;

/**
 * An answer that is JSON; undefined where it is none. An answer that breaks off is asked for again.
 * @throws RetemperError NETWORK
 */
export async function hubJson(url: URL, request: Asked, settings: HubSettings): Promise<unknown> {
  const bytes = await hubBytes(url, { ...request, most: LONGEST_ANSWER }, settings);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

/**
 * The bytes of an answer, no more than `most`: what follows is not read. An answer that breaks off is asked for again.
 * @throws RetemperError NETWORK
 */
export async function hubBytes(
  url: URL,
  { most, ...request }: HubRequest & { readonly most: number },
  settings: HubSettings,
): Promise<Buffer> {
  const attempt = async () => {
    const response = await hubRequest(url, request, settings);
    const begins = elsewhere(response, request);
    if (begins !== undefined) {
      await response.body?.cancel();
      return { problem: `it sent a part that begins at byte ${begins}` };
    }
    if (!request.partial || response.status === 206) return { value: await bodyOf(response, most, settings) };
    await response.body?.cancel();
    throw new NoParts(url, request);
  };
  const failure = (problem: string) => unreachable(`${request.what} could not be had from ${url.host}: ${problem}.`);
  return inTries(attempt, { host: url.host, failure }, settings);
}

/** Where the part that came begins, if that is not where the part that was asked for does. */
function elsewhere(response: Response, { headers: asked }: HubRequest): number | undefined {
  const begins = partStart(response);
  const wanted = /^bytes=(\d+)-/.exec(asked?.range ?? "")?.[1];
  if (response.status !== 206 || wanted === undefined) return undefined;
  return begins === Number(wanted) ? undefined : begins;
}

/** A server that knows no ranges. */
export class NoParts extends RetemperError {
  constructor({ host }: URL, { what }: Asked) {
    super("NETWORK", `${host} does not send parts of ${what}.`, {
      hint: "retemper pull downloads all of it; HF_ENDPOINT names a mirror",
    });
  }
}

/** The bytes of an answer, at most so many; what follows is not read. */
export async function bodyOf(response: Response, most: number, { signal }: HubSettings): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of chunksOf(response, signal)) {
    parts.push(part);
    length += part.length;
    if (length >= most) break; // which closes the connection
  }
  return Buffer.concat(parts).subarray(0, most);
}

export function unreachable(message: string): RetemperError {
  return new RetemperError("NETWORK", message, {
    reason: "unreachable",
    hint: "check the network, or try again later; HF_ENDPOINT names a mirror",
  });
}

/** The failure to reach the hub, of something that the cache does not have either. */
export function notCached(error: RetemperError, { cache }: HubSettings): RetemperError {
  const hint = "check the network, or give a file that you have; HF_ENDPOINT names a mirror";
  return error.retold(`${error.message} The cache ${cache} does not hold it either.`, { hint });
}

async function follow(url: URL, request: HubRequest, settings: HubSettings): Promise<Response> {
  let target = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const headers = new Headers(request.headers);
    headers.set("user-agent", "retemper");
    headers.set("accept-encoding", "identity");
    const home = target.origin === settings.endpoint.origin;
    if (home && settings.token) headers.set("authorization", `Bearer ${settings.token}`);
    const { signal } = settings;
    const answer = fetch(target, {
      method: request.method ?? "GET",
      headers,
      redirect: "manual",
      signal: signal ?? null, // fetch itself gives up after five silent minutes
    });
    const response = await orAborted(answer, signal, leave);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    const next = new URL(location, target);
    if (target.protocol === "https:" && next.protocol !== "https:") {
      throw new RetemperError("NETWORK", `${target.host} leads to ${next.host} without encryption: not followed.`);
    }
    if (request.stopAtForeign && next.origin !== settings.endpoint.origin) return response;
    await response.body?.cancel();
    target = next;
  }
  throw new RetemperError("NETWORK", `${url.host} redirects in circles.`);
}

export function waitAsked(response: Pick<Response, "headers">): number | undefined {
  const asked = response.headers.get("retry-after");
  if (asked === null) return undefined;
  const seconds = /^\d+$/.test(asked) ? Number(asked) : (Date.parse(asked) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
}
