// The caller's side of the channel: starts a model's thread, hands it calls, and ends it.

import { SHARE_ENV, Worker } from "node:worker_threads";
import { RetemperError } from "../../errors.js";
import { at, diedOf, fromWire } from "../../threads/wireError.js";
import type { EngineFacts, ModelDescription } from "../types.js";
import type {
  FromThread,
  GenerateRequest,
  NextRequest,
  ScoreRequest,
  ThreadEvent,
  ThreadRequest,
  ToThread,
  VariantRequest,
} from "./messages.js";
import { workerFile } from "./workerFile.js";

/** What a call hears; nothing after `ended`. */
export interface CallEvents {
  event(event: Exclude<ThreadEvent, { type: "end" }>): void;
  ended(error?: unknown): void;
}

type Opened = Omit<FromThread & { type: "opened" }, "type">;

/** A request without the number that the thread gives to it. */
export type Request =
  | Omit<GenerateRequest, "call">
  | Omit<NextRequest, "call">
  | Omit<ScoreRequest, "call">
  | Omit<VariantRequest, "call">;

interface PendingCall {
  readonly events: CallEvents;
  readonly site: Error;
}

export class ModelThread {
  readonly #worker: Worker;
  readonly #calls = new Map<number, PendingCall>();
  readonly #exit: Promise<void>;
  #count = 0;
  /** Callers that wait for something; while there are any, the thread keeps the process alive. */
  #waiting = 0;
  /** Why nothing more can be asked of it. */
  #over: RetemperError | undefined;
  #closing: Promise<void> | undefined;
  readonly facts: EngineFacts;
  readonly bounds: Opened["bounds"];
  readonly description: ModelDescription;

  private constructor(worker: Worker, { facts, bounds, description }: Opened) {
    this.#worker = worker;
    this.facts = facts;
    this.bounds = bounds;
    this.description = description;
    this.#exit = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", (message: FromThread) => this.#receive(message));
    worker.on("error", (error) => this.#fail(diedOf(error)));
    worker.on("exit", (status) => this.#fail(diedOf(new Error(`it exited with status ${status}`))));
    worker.unref(); // an idle model does not hold the process
  }

  /**
   * Starts the thread and opens the model in it.
   * @throws What opening throws; `signal.reason` when it is aborted.
   */
  static async open(request: ThreadRequest, signal: AbortSignal | undefined): Promise<ModelThread> {
    signal?.throwIfAborted();
    const site = new Error();
    // TensorFlow reads its settings from the process's environment, which the thread therefore shares.
    const worker = new Worker(workerFile(), { workerData: request, name: "retemper model", env: SHARE_ENV });
    try {
      return new ModelThread(worker, await opened(worker, site, signal));
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  /**
   * Begins a call; its events come until `ended`, or until it is cancelled.
   * @throws RetemperError when the model is closed or its thread has died.
   */
  call(request: Request, events: CallEvents): { cancel(): void; taken(count: number): void } {
    const site = new Error();
    if (this.#over) throw at(site, again(this.#over));
    const call = ++this.#count;
    this.#calls.set(call, { events, site });
    this.#post({ ...request, call });
    return {
      cancel: () => {
        if (this.#calls.delete(call)) this.#post({ type: "cancel", call });
      },
      taken: (count) => {
        if (this.#calls.has(call)) this.#post({ type: "taken", call, count });
      },
    };
  }

  /** Waits for something of a call. The process stays alive meanwhile, which an idle model does not see to. */
  async wait<T>(promise: Promise<T>): Promise<T> {
    this.#waiting += 1;
    this.#worker.ref();
    try {
      return await promise;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0 && !this.#closing) this.#worker.unref();
    }
  }

  /** Ends the thread; calls that are unfinished reject. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#over) {
      this.#worker.ref(); // what is open must be freed before the process ends
      this.#post({ type: "close" });
      this.#fail(new RetemperError("CANCELLED", "the model was closed"));
    }
    await this.#exit;
  }

  #receive(message: FromThread): void {
    if (message.type === "closed") void this.#worker.terminate();
    if (message.type !== "events") return;
    for (const event of message.events) {
      const call = this.#calls.get(event.call);
      if (!call) continue; // it was cancelled meanwhile
      if (event.type !== "end") call.events.event(event);
      else {
        this.#calls.delete(event.call);
        call.events.ended(event.error && fromWire(event.error, call.site));
      }
    }
  }

  /** Ends everything that is unfinished, and whatever is asked later. */
  #fail(error: RetemperError): void {
    this.#over ??= error;
    for (const [call, { events, site }] of this.#calls) {
      this.#calls.delete(call);
      events.ended(at(site, again(error)));
    }
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}

/** Resolves when the thread has opened its model. */
function opened(worker: Worker, site: Error, signal: AbortSignal | undefined): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal?.removeEventListener("abort", onAbort);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      act();
    };
    const onMessage = (message: FromThread) => {
      if (message.type === "opened") settle(() => resolve(message));
      else if (message.type === "refused") settle(() => reject(fromWire(message.error, site)));
    };
    const onError = (error: unknown) => settle(() => reject(at(site, diedOf(error))));
    const onExit = (status: number) => onError(new Error(`it exited with status ${status}`));
    const onAbort = () => settle(() => reject(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true });
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
  });
}

/** The same failure for another caller: each has a stack of its own. */
function again({ code, message, hint, cause }: RetemperError): RetemperError {
  return new RetemperError(code, message, { hint, cause });
}
