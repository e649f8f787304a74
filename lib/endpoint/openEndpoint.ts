// Opens an OpenAI-compatible server (vLLM, llama.cpp, Ollama, or one of a provider) as a model that answers.

import { RetemperError } from "../errors.js";
import { parseAddress } from "./address.js";
import type { Endpoint, EndpointOptions } from "./endpoint.js";
import { ServerModel } from "./serverModel.js";

/** The time after which Node's fetch gives a silent server up, whatever it is told. */
const MOST_SILENCE_MS = 300_000;

/**
 * Opens an endpoint. Nothing is sent before the first question.
 * @param url Such as "http://localhost:8000/v1".
 * @throws RetemperError USAGE for wrong options. Questions fail with NETWORK for a server that cannot be reached, is busy for
 *   longer than the retries last, or refuses the key or the model; BAD_INPUT for one that it refuses to answer.
 * @example
 * ```ts
 * import { openEndpoint } from "retemper";
 *
 * const endpoint = openEndpoint("http://localhost:8000/v1", { model: "aligned", concurrency: 16 });
 * for await (const { index, text } of endpoint.generate([[{ role: "user", content: "Good morning!" }]])) {
 *   console.log(index, text);
 * }
 * await endpoint.close();
 * ```
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
