// Requests to the hub: retried where it helps, and the token never leaves the hub's own address.

import { setTimeout as sleep } from "node:timers/promises";
import { RetemperError } from "../errors.js";
import type { HubSettings } from "./settings.js";

export interface HubRequest {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** What is asked for, for messages: "the data set org/name". */
  readonly what: string;
  /** Follow redirects within the hub only, and answer with the first one that leads out of it. */
  readonly stopAtForeign?: boolean;
}

export const ATTEMPTS = 5;
const MOST_REDIRECTS = 10;
const LONGEST_WAIT_MS = 60_000;

/**
 * A response with a status below 400. 429, 5xx and broken connections are tried again, with growing pauses or after what
 * the server asks for; 401, 403, 404 are not.
 * @throws RetemperError NETWORK that says what helps
 */
export async function hubRequest(url: URL, request: HubRequest, settings: HubSettings): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    let problem: string;
    let pause = settings.retryDelayMs * 2 ** (attempt - 1);
    try {
      const response = await follow(url, request, settings);
      if (response.status < 400) return response;
      await response.body?.cancel();
      if (response.status !== 429 && response.status < 500) throw refusal(response.status, request.what, settings);
      problem = `it answered ${response.status}`;
      pause = waitAsked(response) ?? pause;
    } catch (error) {
      settings.signal?.throwIfAborted();
      if (error instanceof RetemperError) throw error;
      problem = connectionProblem(error);
    }
    if (attempt === ATTEMPTS) {
      throw unreachable(`${request.what} could not be had from ${url.host}: ${problem}, ${ATTEMPTS} times.`);
    }
    settings.note(`${url.host}: ${problem}; trying again`);
    await pauseFor(pause, settings);
  }
}

export async function pauseFor(milliseconds: number, { signal }: HubSettings): Promise<void> {
  await sleep(Math.min(milliseconds, LONGEST_WAIT_MS), undefined, signal && { signal }).catch(() => {
    signal?.throwIfAborted();
  });
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

export function connectionProblem(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return `the connection failed (${cause?.code ?? cause?.message ?? message})`;
}

async function follow(url: URL, request: HubRequest, settings: HubSettings): Promise<Response> {
  let target = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const headers = new Headers(request.headers);
    headers.set("user-agent", "retemper");
    headers.set("accept-encoding", "identity");
    const home = target.origin === settings.endpoint.origin;
    if (home && settings.token) headers.set("authorization", `Bearer ${settings.token}`);
    const response = await fetch(target, {
      method: request.method ?? "GET",
      headers,
      redirect: "manual",
      signal: settings.signal ?? null, // fetch itself gives up after five silent minutes
    });
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

function waitAsked(response: Response): number | undefined {
  const asked = response.headers.get("retry-after");
  if (asked === null) return undefined;
  const seconds = /^\d+$/.test(asked) ? Number(asked) : (Date.parse(asked) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
}

function refusal(status: number, what: string, { endpoint, token }: HubSettings): RetemperError {
  const hints: Readonly<Record<number, string>> = {
    401: token
      ? `the token of HF_TOKEN is not valid, or ${what} does not exist`
      : `${what} may be private or gated: accept its terms on ${endpoint.host}, then set HF_TOKEN`,
    403: `accept the terms of ${what} on ${endpoint.host} with the account of your token`,
    404: "check the name, the revision and the file's path",
  };
  return new RetemperError("NETWORK", `${endpoint.host} refuses ${what}: ${status}.`, {
    reason: status === 416 ? "range" : undefined,
    hint: hints[status],
  });
}
