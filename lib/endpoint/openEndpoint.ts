// Opens an OpenAI-compatible server (vLLM, llama.cpp, Ollama, or one of a provider) as a model that answers.

import { RetemperError } from "../errors.js";
import type { TextGenerator } from "../generate/types.js";
import { parseAddress } from "./address.js";
import { ServerModel } from "./serverModel.js";

export interface EndpointOptions {
  /** The model's name on the server. */
  readonly model: string;
  /** Sent as a bearer token, and nowhere else. */
  readonly apiKey?: string | undefined;
  /** Requests at once, over all calls; 8 unless told. */
  readonly concurrency?: number | undefined;
  /** Tries of a request that meets a busy, broken or unreachable server; 6 unless told. */
  readonly attempts?: number | undefined;
  /** The first pause between two tries, in milliseconds; the later ones double. 500 unless told. */
  readonly retryDelayMs?: number | undefined;
  /** How long the server may be silent, in milliseconds; 300,000 unless told, which is also the most. */
  readonly timeoutMs?: number | undefined;
  /** Further headers of every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Further fields of every request, such as vLLM's `min_p` or `return_token_ids`. They replace ours of the same name. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A model behind a server. Conversations are asked of its chat completions, so that its own template applies; texts and ids
 * of its completions. What an answer does not tell (ids, tokens of a prompt) is empty or 0.
 */
export interface Endpoint extends TextGenerator {
  /** Ends all that is being asked. */
  close(): Promise<void>;
}

/** The time after which Node's fetch gives a silent server up, whatever it is told. */
const MOST_SILENCE_MS = 300_000;

/**
 * Opens an endpoint. Nothing is sent before the first question.
 * @param url Such as "http://localhost:8000/v1".
 * @throws RetemperError USAGE for wrong options. Questions fail with NETWORK for a server that cannot be reached, is busy for
 *   longer than the retries last, or refuses the key or the model; BAD_INPUT for one that it refuses to answer.
 */
export function openEndpoint(url: string, options: EndpointOptions): Endpoint {
  const address = parseAddress(url);
  const { model, apiKey, headers = {}, extraBody = {} } = options ?? {};
  if (typeof model !== "string" || model === "") {
    throw new RetemperError("USAGE", "an endpoint needs the model's name on the server", {
      hint: `${address.shown}/models lists them`,
    });
  }
  // Not shown: it is a key.
  if (apiKey !== undefined && !/^[\x21-\x7e]*$/.test(apiKey)) {
    throw new RetemperError("USAGE", "apiKey has characters that a header cannot hold", {
      hint: "is there a line break or a space in it?",
    });
  }
  return new ServerModel({
    server: {
      address,
      model,
      apiKey: apiKey || undefined,
      headers,
      attempts: whole("attempts", options.attempts ?? 6, 1, 100),
      retryDelayMs: whole("retryDelayMs", options.retryDelayMs ?? 500, 0, 60_000),
      timeoutMs: whole("timeoutMs", options.timeoutMs ?? MOST_SILENCE_MS, 1, MOST_SILENCE_MS),
      pausedUntil: 0,
      answered: 0,
    },
    concurrency: whole("concurrency", options.concurrency ?? 8, 1, 10_000),
    extra: extraBody,
  });
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RetemperError("USAGE", `${name} must be a whole number from ${least} to ${most}, not ${String(value)}`);
}
