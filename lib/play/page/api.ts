// What the page asks of its server, below api/ of the page's own address: relative, so that a proxy may put a path before it.

import type {
  AnswerEvent,
  AnswersRequest,
  Measured,
  MeasureRequest,
  PlayFacts,
  PlayPoint,
  Refusals,
  RefusalsRequest,
  Verdicts,
  VerdictsRequest,
} from "../types.js";
import { eventsOf } from "./eventStream.js";

/** What went wrong, in words for people. */
export class Failure extends Error {
  /** 401: a key is asked for; 0: no reply came. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const SILENT =
  "The server does not answer. It may have ended: start it again, then ask again. What is on this page stays until you close it.";
const CUT = "The server stopped in the middle of its answer. What came is kept; ask again for the rest.";
const UNSENT =
  "This key cannot be right: it has a letter or a sign that cannot be sent, such as one of another alphabet. Write it again.";
/** What a header carries. */
const SENT = /^[\x20-\x7e\xa0-\xff]*$/;
const ENDED = "If it does not go away, end the server and start it again. What is on this page stays.";

export class Api {
  /** Kept in the memory of this tab only. */
  key: string | undefined;

  async facts(): Promise<PlayFacts> {
    return this.#told("facts");
  }

  /** Tokens of all answers as they come. Ends with `done`, or fails. */
  async *answers(request: AnswersRequest, signal: AbortSignal): AsyncGenerator<readonly AnswerEvent[]> {
    const { body } = await this.#reply("answers", request, signal);
    let done = false;
    try {
      for await (const events of eventsOf<AnswerEvent>(body as ReadableStream<Uint8Array>)) {
        yield events; // tokens that came together with a failure are kept too
        for (const event of events) {
          if ("error" in event) throw new Failure(500, sentence(event.error.message));
          done ||= "done" in event;
        }
      }
    } catch (error) {
      throw error instanceof Failure ? error : cut(error, signal);
    }
    if (!done) throw new Failure(0, CUT);
  }

  async refusals(request: RefusalsRequest, signal: AbortSignal): Promise<Refusals> {
    return this.#told("refusals", request, signal);
  }

  async verdicts(request: VerdictsRequest): Promise<Verdicts> {
    return this.#told("verdicts", request);
  }

  async measure(request: MeasureRequest): Promise<Measured> {
    return this.#told("measure", request);
  }

  /** The recipe at a point, and what its file is to be called. */
  async recipe(point: PlayPoint): Promise<{ readonly file: Blob; readonly name: string }> {
    const reply = await this.#reply("recipe", { point });
    const [, name] = /filename="([^"]+)"/.exec(reply.headers.get("content-disposition") ?? "") ?? [];
    return { file: await whole(reply.blob()), name: name ?? "recipe.yml" };
  }

  async #told<T>(what: string, body?: object, signal?: AbortSignal): Promise<T> {
    const reply = await this.#reply(what, body, signal);
    return whole(reply.json(), signal);
  }

  async #reply(what: string, body?: object, signal?: AbortSignal): Promise<Response> {
    if (!SENT.test(this.key ?? "")) throw new Failure(401, UNSENT);
    const headers = {
      ...(this.key !== undefined && { authorization: `Bearer ${this.key}` }),
      ...(body && { "content-type": "application/json" }),
    };
    const request = body
      ? { method: "POST", headers, body: JSON.stringify(body), signal: signal ?? null }
      : { headers };
    const reply = await fetch(`api/${what}`, { ...request, cache: "no-store" }).catch((error) => {
      throw signal?.aborted ? error : new Failure(0, SILENT);
    });
    if (reply.ok) return reply;
    const told = await reply.json().catch(() => undefined);
    const message = sentence(told?.error?.message ?? `the server refused with status ${reply.status}`);
    throw new Failure(reply.status, reply.status < 500 ? message : `${message} ${ENDED}`);
  }
}

/** What a reply holds. @throws Failure where it was cut off */
function whole<T>(content: Promise<T>, signal?: AbortSignal): Promise<T> {
  return content.catch((error: unknown) => {
    throw cut(error, signal);
  });
}

/** Why a reply that had begun has no end. */
function cut(error: unknown, signal?: AbortSignal): unknown {
  return signal?.aborted ? error : new Failure(0, CUT);
}

/** A message as a sentence. */
function sentence(message: string): string {
  const text = message.trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
