// One request to the server, tried again where that may help: pauses that double, with jitter, or as long as the server
// asks. The API key goes into one header, and never into a message.

import { setTimeout as sleep } from "node:timers/promises";
import { RetemperError } from "../errors.js";
import type { Address } from "./address.js";
import { connectionProblem, RequestFailure, refusal } from "./failure.js";
import { Garbage } from "./reply.js";
import type { RequestBody } from "./requestBody.js";

export interface Server {
  readonly address: Address;
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Tries of a request, all in all. */
  readonly attempts: number;
  /** The first pause between two tries; the later ones double. */
  readonly retryDelayMs: number;
  /** How long a server may be silent: before its answer, and in the middle of it. */
  readonly timeoutMs: number;
  /** Before this time (of `performance.now`) nothing is sent: the server asked all to wait. */
  pausedUntil: number;
  /** How many answers it has given. */
  answered: number;
}

/** Longest pause that is made, whatever the server asks. */
const LONGEST_PAUSE_MS = 120_000;
/** Largest answer in bytes. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** Reads the body of a response with status 200. Called anew for every try. */
export type Read<T> = (body: AsyncIterable<Uint8Array>) => Promise<T>;

/**
 * @throws RequestFailure when all tries have failed, or one can never succeed; what `signal` says when it is aborted; and
 *   whatever else `read` throws.
 */
export async function sendRequest<T>(
  server: Server,
  body: RequestBody,
  read: Read<T>,
  signal: AbortSignal,
): Promise<T> {
  const text = JSON.stringify(body.fields);
  const answeredBefore = server.answered;
  for (let attempt = 1; ; attempt += 1) {
    await pause(server.pausedUntil - performance.now(), signal);
    try {
      const answer = await tryOnce(server, body.method, text, read, signal);
      server.answered += 1;
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RequestFailure)) throw error;
      if (error.outlook !== "again") throw error;
      if (attempt >= server.attempts) {
        // A server that answers nobody is not this prompt's failure.
        const dead = error.unreachable && server.answered === answeredBefore;
        throw new RequestFailure(dead ? "all" : "again", tired(error.error, attempt));
      }
      const growing = server.retryDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
      if (error.wait !== undefined) {
        const until = performance.now() + Math.min(error.wait, LONGEST_PAUSE_MS);
        server.pausedUntil = Math.max(server.pausedUntil, until);
      }
      await pause(Math.min(growing, LONGEST_PAUSE_MS), signal);
    }
  }
}

async function tryOnce<T>(
  server: Server,
  method: RequestBody["method"],
  text: string,
  read: Read<T>,
  signal: AbortSignal,
): Promise<T> {
  const { shown } = server.address;
  const watch = new Watch(server.timeoutMs, signal);
  const unreachable = (error: unknown, what: string): RequestFailure => {
    const problem = watch.expired ? `nothing came for ${server.timeoutMs / 1000} s` : connectionProblem(error);
    return new RequestFailure(
      "again",
      new RetemperError("NETWORK", `${shown} ${what}: ${hidden(problem, server)}`, {
        hint: "see that the server runs and that the address is right",
        cause: watch.expired ? undefined : withoutKey(error, server),
      }),
      // Node's fetch itself gives up on a silent server after 300 s: that is a slow one, not none.
      { unreachable: what === "cannot be reached" && !watch.expired && problem !== "UND_ERR_HEADERS_TIMEOUT" },
    );
  };
  try {
    let response: Response;
    try {
      response = await fetch(server.address.method(method), {
        method: "POST",
        headers: {
          ...server.headers,
          "content-type": "application/json",
          ...(server.apiKey !== undefined && { authorization: `Bearer ${server.apiKey}` }),
        },
        body: text,
        // A redirect might lead the key to another host.
        redirect: "manual",
        signal: watch.signal,
      });
    } catch (error) {
      throw unreachable(error, "cannot be reached");
    }
    const chunks = watched(response, watch);
    try {
      if (!response.ok) {
        const facts = { shown, model: server.model, keyGiven: server.apiKey !== undefined, now: Date.now() };
        throw refusal(response, hidden(await textOf(chunks, 65_536), server), facts);
      }
      return await read(chunks);
    } catch (error) {
      if (error instanceof Garbage) {
        throw new RequestFailure(
          "again",
          new RetemperError("NETWORK", `${shown}: ${hidden(error.message, server)}`, {
            hint: "the address may be another service's, or a proxy's",
          }),
        );
      }
      if (error instanceof Cut) throw unreachable(error.cause, "broke off");
      throw error;
    }
  } finally {
    watch.end();
  }
}

/** The connection's end in the middle of a body. */
class Cut extends Error {}

/** The chunks of a body; while they come, the watch is patient. */
async function* watched(response: Response, watch: Watch): AsyncGenerator<Uint8Array, void, void> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let size = 0;
  try {
    for (;;) {
      let part: Awaited<ReturnType<typeof reader.read>>;
      try {
        part = await reader.read();
      } catch (cause) {
        throw new Cut("the body broke off", { cause });
      }
      if (part.done) return;
      watch.touch();
      size += part.value.length;
      if (size > MAX_ANSWER) throw new Garbage(`its answer has more than ${MAX_ANSWER} bytes`);
      yield part.value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** A body as text, up to a limit. */
export async function textOf(chunks: AsyncIterable<Uint8Array>, limit = Number.POSITIVE_INFINITY): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size >= limit) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Aborts a request when its caller does, or when nothing has come for too long. */
class Watch {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.#controller.abort(this.#caller.reason);
  #expired = false;

  constructor(milliseconds: number, caller: AbortSignal) {
    this.#caller = caller;
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#controller.abort(new Error("the time is over"));
    }, milliseconds);
    if (caller.aborted) this.#onAbort();
    else caller.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get expired(): boolean {
    return this.#expired;
  }

  touch(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#onAbort);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (milliseconds <= 0) return;
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function tired(error: RetemperError, attempts: number): RetemperError {
  const { hint, cause } = error;
  return new RetemperError("NETWORK", `${error.message} (tried ${attempts} times)`, { hint, cause });
}

/** The text without the API key, should a server repeat it. */
function hidden(text: string, { apiKey }: Server): string {
  return apiKey === undefined ? text : text.replaceAll(apiKey, "***");
}

/** An error that may be shown whole: Node's own does not have the headers, but its message might quote one. */
function withoutKey(error: unknown, server: Server): unknown {
  return server.apiKey !== undefined && inspectable(error).includes(server.apiKey) ? undefined : error;
}

function inspectable(error: unknown): string {
  const parts: string[] = [];
  for (let at = error as { message?: string; cause?: unknown } | undefined; at; at = at.cause as typeof at) {
    parts.push(String(at.message ?? at));
  }
  return parts.join("\n");
}
