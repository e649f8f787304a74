// A tokenizer that is open: the steps of tokenizer.json one after the other, from text to ids and back.

import { dirname } from "node:path";
import { RetemperError } from "../errors.js";
import type { ChatTemplate } from "./chat/chatTemplate.js";
import { renderBeginning } from "./chat/renderBeginning.js";
import type { AddedTokenSplitter } from "./text/addedTokenSplitter.js";
import { cleanUp, type MakeDecoderStep } from "./text/decoders.js";
import type { LeastTokens } from "./text/leastTokens.js";
import type { Normalize } from "./text/normalizers.js";
import type { PieceModel } from "./text/pieceModel.js";
import type { Frame } from "./text/postProcessors.js";
import type { PreTokenize } from "./text/preTokenizers.js";
import { tokenizerWork, withTimeLimit } from "./text/timeLimit.js";
import type { ChatMessage, TemplateOptions, TextStream, Tokenizer } from "./types.js";

/** What a tokenizer is made of. */
export interface TokenizerParts {
  /** tokenizer.json. */
  readonly file: string;
  /** Id -> token; undefined where an id has none. */
  readonly tokens: readonly (string | undefined)[];
  /** Ids left out where special tokens are. */
  readonly specialIds: ReadonlySet<number>;
  readonly prefixToken: Tokenizer["prefixToken"];
  /** Added tokens as they stand in the text, and those that are looked for once it is normalised. */
  readonly plainTokens: AddedTokenSplitter;
  readonly normalizedTokens: AddedTokenSplitter;
  readonly normalize: Normalize;
  readonly preTokenize: PreTokenize;
  readonly model: PieceModel;
  readonly frame: Frame;
  readonly leastTokens: LeastTokens;
  readonly decoder: MakeDecoderStep;
  /** Whether decoded text loses the spaces before English punctuation. */
  readonly cleanUpSpaces: boolean;
  readonly chatTemplate: ChatTemplate | undefined;
}

/** With the flag u it matches only surrogates that are not part of a pair. */
const HALF_PAIR = /[\ud800-\udfff]/gu;

export class TextTokenizer implements Tokenizer {
  readonly specialIds: ReadonlySet<number>;
  readonly prefixToken: Tokenizer["prefixToken"];
  readonly vocabularySize: number;
  readonly #parts: TokenizerParts;

  constructor(parts: TokenizerParts) {
    this.#parts = parts;
    this.specialIds = parts.specialIds;
    this.prefixToken = parts.prefixToken;
    this.vocabularySize = parts.tokens.length;
  }

  get hasChatTemplate(): boolean {
    return this.#parts.chatTemplate !== undefined;
  }

  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean | undefined } = {}): number[] {
    const { file, frame } = this.#parts;
    // Half a surrogate pair is no character; it becomes U+FFFD, as in any UTF-8.
    const ids = withTimeLimit(text.length, tokenizerWork(file), () => this.#idsOf(text.replace(HALF_PAIR, "\ufffd")));
    return addSpecialTokens ? [...frame.before, ...ids, ...frame.after] : ids;
  }

  leastTokens(text: string): number {
    return this.#parts.leastTokens(text);
  }

  #idsOf(text: string): number[] {
    const { plainTokens, normalizedTokens, normalize, preTokenize, model } = this.#parts;
    const ids: number[] = [];
    for (const section of plainTokens.split(text)) {
      if (section.id !== undefined) {
        ids.push(section.id);
        continue;
      }
      for (const part of normalizedTokens.split(normalize(section.text))) {
        if (part.id !== undefined) ids.push(part.id);
        else for (const piece of preTokenize([part.text], section.start + part.start === 0)) model.encode(piece, ids);
      }
    }
    return ids;
  }

  decode(
    ids: readonly number[],
    { skipSpecialTokens = false }: { skipSpecialTokens?: boolean | undefined } = {},
  ): string {
    const tokens = ids.flatMap((id) => this.#tokenOf(id, skipSpecialTokens) ?? []);
    return this.#finished(this.#parts.decoder().rest(tokens));
  }

  decodeStream({ skipSpecialTokens = false }: { skipSpecialTokens?: boolean | undefined } = {}): TextStream {
    const step = this.#parts.decoder();
    // What cleaning changes reaches over tokens: with it, nothing is certain before the end.
    const held: string[] = [];
    return {
      push: (id) => {
        const token = this.#tokenOf(id, skipSpecialTokens);
        const texts = token === undefined ? [] : step.push(token);
        if (!this.#parts.cleanUpSpaces) return texts.join("");
        for (const text of texts) held.push(text);
        return "";
      },
      rest: () => this.#finished([...held, ...step.rest([])]),
    };
  }

  /** Undefined for an id without a token, which is no text, and for a special token that is to be left out. */
  #tokenOf(id: number, skipSpecialTokens: boolean): string | undefined {
    return skipSpecialTokens && this.specialIds.has(id) ? undefined : this.#parts.tokens[id];
  }

  #finished(texts: readonly string[]): string {
    const text = texts.join("");
    return this.#parts.cleanUpSpaces ? cleanUp(text) : text;
  }

  applyChatTemplate(messages: readonly ChatMessage[], options: TemplateOptions = {}): string {
    const { chatTemplate, file } = this.#parts;
    if (chatTemplate === undefined) {
      throw new RetemperError("INCOMPATIBLE", "the model has no chat template", {
        file: dirname(file),
        hint: "give prompts as text, or add the model's chat_template.jinja to its folder",
      });
    }
    const { addGenerationPrompt = false, continueFinalMessage = false } = options;
    if (!continueFinalMessage) return chatTemplate.render(messages, addGenerationPrompt);
    if (!addGenerationPrompt) return renderBeginning(chatTemplate, messages, file);
    throw new RetemperError("USAGE", "a conversation cannot both continue its final message and begin a new one");
  }
}
