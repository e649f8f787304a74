// What a model's tokenizer can do, and what merging tokenizers takes and gives.

import type { NativeGather } from "../addon/nativePlan.js";
import type { ModelReference } from "../recipe/types.js";
import type { TokenizerFiles } from "./readTokenizer.js";

/** One turn of a conversation, as chat templates have it. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | (string & {});
  readonly content: string;
  /** Of the last message, the assistant's: it is the beginning of the answer, which is gone on with. */
  readonly prefix?: boolean | undefined;
}

/** How a conversation is written. */
export interface TemplateOptions {
  /** Whether the header of the assistant's next turn follows. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** Whether the text ends where the last message's content does, so that its turn is gone on with, as transformers has it. */
  readonly continueFinalMessage?: boolean | undefined;
}

export interface Tokenizer {
  /** Ids of a text; special tokens (BOS and the like) are added by default, as transformers does. */
  encode(text: string, options?: { addSpecialTokens?: boolean | undefined }): number[];
  /** A lower bound of a text's tokens, without encoding it; 0 where nothing can be said. */
  leastTokens(text: string): number;
  /** Special tokens stay by default. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean | undefined }): string;
  /** Decodes ids that come one by one. */
  decodeStream(options?: { skipSpecialTokens?: boolean | undefined }): TextStream;
  /**
   * The conversation as the model's template writes it; no generation prompt by default.
   * @param options one of both at most
   * @throws RetemperError with the template's own message, or when it takes more steps or makes more text than it may.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: TemplateOptions): string;
  /** Whether the model has a chat template. */
  readonly hasChatTemplate: boolean;
  /** Ids that `skipSpecialTokens` leaves out. */
  readonly specialIds: ReadonlySet<number>;
  /** What begins a text (bos_token), else what ends one (eos_token), where the model's files name them and they are tokens. */
  readonly prefixToken?: { readonly id: number; readonly text: string } | undefined;
  readonly vocabularySize: number;
}

/** The text of ids that come one by one: all that `push` gave and then `rest` is what `decode` makes of all ids. */
export interface TextStream {
  /** The text that this id makes certain: no later id can change it, and it has no half characters. */
  push(id: number): string;
  /** What would follow if no more ids came. Changes nothing, so it may be asked at any time. */
  rest(): string;
}

/** A model whose tokenizer takes part. */
export interface TokenizerModel {
  readonly reference: ModelReference;
  readonly folder: string;
  readonly tokenizer: TokenizerFiles;
  /** Rows of its embedding matrix. Tokens from this id on have no row and count as absent; undefined = all have one. */
  readonly embeddingRows?: number;
  /** False for a model that only lends its tokenizer: its embeddings are not read. Default true. */
  readonly merged?: boolean;
}

/** What fills the row of a token whose filling the recipe's `tokens` sets. */
export interface RowOverride {
  /** Also for models that have the token. */
  readonly force: boolean;
  /** The model (index into the models) and its row; undefined = a row of zeros. */
  readonly from?: { readonly model: number; readonly row: number };
}

/** The tokenizer of the output, and where each model's rows go in it. */
export interface MergedTokenizer {
  /** Index of the model whose tokenizer files the output starts from. */
  readonly source: number;
  /** New text of files of the source that change, by name; all others are copied. */
  readonly changed: ReadonlyMap<string, string>;
  /** Id -> token; undefined where an id has none. */
  readonly tokens: readonly (string | undefined)[];
  /** Rows of the output's embedding matrices: `tokens.length`, padded. */
  readonly vocabularySize: number;
  /** For each model, new id -> old id, -1 where it lacks the token. */
  readonly permutations: readonly Int32Array[];
  /** By new id. */
  readonly overrides: ReadonlyMap<number, RowOverride>;
  /** Index of the recipe's base among the models; its rows fill those that others lack. */
  readonly base: number | undefined;
  readonly warnings: readonly string[];
}

/**
 * How the rows of one model's embedding matrices come about. `part` counts the models given to `embeddingGathers`.
 * The gather covers the rows of the vocabulary; `meanRows` further rows follow, each the mean of all of those.
 */
export interface EmbeddingGather extends NativeGather {
  readonly meanRows: number;
}
