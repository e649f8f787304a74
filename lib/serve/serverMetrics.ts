// What a server counts, for Prometheus: in a registry of its own, so that several servers of one process stay apart.

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { GenerateProgress } from "../generate/types.js";
import type { RequestQueue } from "./requestQueue.js";

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests = this.#counter("requests_total", "Requests that ended; 499: the client left", "route", "status");
  readonly #seconds = this.#histogram("request_seconds", "From a request's arrival to the end of its reply", "route");
  readonly #queued = this.#histogram("queue_seconds", "How long requests waited for slots");
  readonly #first = this.#histogram("first_token_seconds", "From arrival to the first token, of streamed answers");
  readonly #prompt = this.#counter("prompt_tokens_total", "Tokens of prompts that were read", "model");
  readonly #fresh = this.#counter("generated_tokens_total", "Tokens that were generated", "model");

  constructor(queue: RequestQueue, inFlight: () => number) {
    this.#gauge("slots", "Answers that can be in work at once", () => queue.slots);
    this.#gauge("slots_in_use", "Slots that requests hold", () => queue.taken);
    this.#gauge("queue_length", "Requests that wait for slots", () => queue.waiting);
    this.#gauge("requests_in_flight", "Requests that have not ended", inFlight);
  }

  readonly contentType = this.#registry.contentType;

  /** In Prometheus's text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  ended(route: string, status: number, seconds: number): void {
    this.#requests.inc({ route, status });
    this.#seconds.observe({ route }, seconds);
  }

  began(queuedSeconds: number): void {
    this.#queued.observe(queuedSeconds);
  }

  firstToken(seconds: number): void {
    this.#first.observe(seconds);
  }

  /** A listener to the progress of one request. */
  tokens(model: string): (progress: GenerateProgress) => void {
    let before = { promptTokens: 0, newTokens: 0 };
    return ({ promptTokens, newTokens }) => {
      this.#prompt.inc({ model }, promptTokens - before.promptTokens);
      this.#fresh.inc({ model }, newTokens - before.newTokens);
      before = { promptTokens, newTokens };
    };
  }

  #counter(name: string, help: string, ...labelNames: string[]): Counter {
    return new Counter({ name: `retemper_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, ...labelNames: string[]): Histogram {
    const buckets = SECONDS;
    return new Histogram({ name: `retemper_${name}`, help, labelNames, buckets, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `retemper_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }
}
