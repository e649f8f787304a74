// What a server is opened with, and the model that it then is.

import type { TextGenerator } from "../generate/types.js";

export interface EndpointOptions {
  /** The model's name on the server. */
  readonly model: string;
  /** Sent as a bearer token, and nowhere else. */
  readonly apiKey?: string | undefined;
  /** Requests at once, over all calls; 8 by default. */
  readonly concurrency?: number | undefined;
  /** Tries of a request that meets a busy, broken or unreachable server; 6 by default. */
  readonly attempts?: number | undefined;
  /** The first pause between two tries, in milliseconds; the later ones double. 500 by default. */
  readonly retryDelayMs?: number | undefined;
  /** How long the server may be silent, in milliseconds; 300,000 by default, which is also the most. */
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
  /** By the texts of tokens; from completions, or of a conversation from chat completions, with log-probabilities. */
  nextLogprobs: NonNullable<TextGenerator["nextLogprobs"]>;
  /** Ends all that is being asked. */
  close(): Promise<void>;
}
