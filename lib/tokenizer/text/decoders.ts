// The decoders of tokenizer.json, as streams: tokens go in one by one, and text comes out as soon as no later token can
// change it. Decoding a whole text is the same stream ended, so both always agree.

import { RetemperError } from "../../errors.js";
import { asRecord, show } from "../addedTokens.js";
import { ByteFallbackStep, ByteLevelStep } from "./byteDecoders.js";
import type { DecoderStep } from "./decoderStep.js";
import { characterOf, listOf, replacement, textOf } from "./normalizers.js";
import { tokenizerWork, withTimeLimit } from "./timeLimit.js";

/** Makes the steps for a text. */
export type MakeDecoderStep = () => DecoderStep;

/**
 * Compiles `decoder`. Without one, tokens are joined by spaces.
 * @throws RetemperError BAD_INPUT for a type that is not known here.
 */
export function compileDecoder(value: unknown, file: string): MakeDecoderStep {
  if (value === null || value === undefined) return mapping((token, index) => (index > 0 ? ` ${token}` : token));
  const makers: MakeDecoderStep[] = [];
  let fused = false;
  for (const spec of flatten(value, file)) {
    const step = compileStep(spec, file);
    makers.push(fused ? afterFusing(spec, step, file) : step);
    fused ||= spec.type === "Fuse" || spec.type === "ByteLevel";
  }
  return () => new Chain(makers.map((make) => make()));
}

function flatten(value: unknown, file: string): Record<string, unknown>[] {
  const spec = asRecord(value, "a decoder", file);
  if (spec.type !== "Sequence") return [spec];
  return listOf(spec.decoders, "decoders", file).flatMap((entry) => flatten(entry, file));
}

/**
 * A step whose tokens are one text by now. It needs the whole text, except for what models use here: taking a space off
 * the start.
 */
function afterFusing(spec: Record<string, unknown>, step: MakeDecoderStep, file: string): MakeDecoderStep {
  if (spec.type === "Fuse") return step;
  const { start, stop } = spec;
  if (spec.type === "Strip" && typeof start === "number" && !stop) {
    const content = characterOf(spec.content, "content", file);
    return () => new StripStart(content, start);
  }
  return () => new Whole((text) => step().rest([text]).join(""));
}

function compileStep(spec: Record<string, unknown>, file: string): MakeDecoderStep {
  switch (spec.type) {
    case "ByteLevel":
      return () => new ByteLevelStep();
    case "ByteFallback":
      return () => new ByteFallbackStep();
    case "Fuse":
      return mapping((token) => token);
    case "Replace": {
      const replace = replacement(spec, file);
      const timed = (text: string): string => withTimeLimit(text.length, tokenizerWork(file), () => replace(text));
      return mapping(asRecord(spec.pattern, "pattern", file).String === undefined ? timed : replace);
    }
    case "Strip": {
      const content = characterOf(spec.content, "content", file);
      const start = typeof spec.start === "number" ? spec.start : 0;
      const stop = typeof spec.stop === "number" ? spec.stop : 0;
      return mapping((token) => stripped(token, content, start, stop));
    }
    case "Metaspace": {
      const space = characterOf(spec.replacement ?? "▁", "replacement", file);
      const prepended = spec.add_prefix_space !== false && spec.prepend_scheme !== "never";
      return mapping((token, index) => token.replaceAll(space, index === 0 && prepended ? "" : " "));
    }
    case "WordPiece": {
      const prefix = textOf(spec.prefix ?? "##", "prefix", file);
      const join = (token: string, index: number): string =>
        index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return mapping(spec.cleanup === false ? join : (token, index) => cleanUp(join(token, index), WORD_PIECE_MARKS));
    }
    case "BPEDecoder": {
      const suffix = textOf(spec.suffix ?? "</w>", "suffix", file);
      return () => new WordEnds(suffix);
    }
    default:
      throw new RetemperError("BAD_INPUT", `the decoder ${show(spec.type)} is not known`, { file });
  }
}

const MARKS = [" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"] as const;
const WORD_PIECE_MARKS = [" .", " ?", " !", " ,", " ' ", " n't", " 'm", " do not", " 's", " 've", " 're"] as const;

/** Takes the spaces of tokenized English away, one mark after the other. */
export function cleanUp(text: string, marks: readonly string[] = MARKS): string {
  return marks.reduce((result, mark) => result.replaceAll(mark, mark === " do not" ? " don't" : mark.trim()), text);
}

function stripped(text: string, content: string, start: number, stop: number): string {
  let from = 0;
  while (from < start * content.length && text.startsWith(content, from)) from += content.length;
  let to = text.length;
  for (let cut = 0; cut < stop && to > from && text.endsWith(content, to); cut += 1) to -= content.length;
  return text.slice(from, to);
}

/** A step that maps each token by itself and its place. */
function mapping(map: (token: string, index: number) => string): MakeDecoderStep {
  return () => {
    let index = 0;
    return {
      push: (token) => [map(token, index++)],
      rest: (last) => last.map((token, further) => map(token, index + further)),
    };
  };
}

class Chain implements DecoderStep {
  readonly #steps: readonly DecoderStep[];

  constructor(steps: readonly DecoderStep[]) {
    this.#steps = steps;
  }

  push(token: string): string[] {
    return this.#steps.reduce((tokens, step) => tokens.flatMap((each) => step.push(each)), [token]);
  }

  rest(last: readonly string[]): string[] {
    return this.#steps.reduce((tokens, step) => step.rest(tokens), [...last]);
  }
}

/** Of a fused text, takes up to `count` times `content` off the start. */
class StripStart implements DecoderStep {
  readonly #content: string;
  #left: number;

  constructor(content: string, count: number) {
    this.#content = content;
    this.#left = count;
  }

  push(text: string): string[] {
    const rest = stripped(text, this.#content, this.#left, 0);
    this.#left = rest === "" ? this.#left - text.length / this.#content.length : 0;
    return rest === "" ? [] : [rest];
  }

  rest(last: readonly string[]): string[] {
    return [stripped(last.join(""), this.#content, this.#left, 0)];
  }
}

/** A step that needs the whole text. */
class Whole implements DecoderStep {
  readonly #change: (text: string) => string;
  #text = "";

  constructor(change: (text: string) => string) {
    this.#change = change;
  }

  push(text: string): string[] {
    this.#text += text;
    return [];
  }

  rest(last: readonly string[]): string[] {
    return [this.#change(this.#text + last.join(""))];
  }
}

/** Marks of word ends become spaces, that of the last token nothing. */
class WordEnds implements DecoderStep {
  readonly #mark: string;
  #held: string[] = [];

  constructor(mark: string) {
    this.#mark = mark;
  }

  push(token: string): string[] {
    const certain = this.#held.map((held) => held.replaceAll(this.#mark, " "));
    this.#held = [token];
    return certain;
  }

  rest(last: readonly string[]): string[] {
    const tokens = [...this.#held, ...last];
    return tokens.map((token, index) => token.replaceAll(this.#mark, index === tokens.length - 1 ? "" : " "));
  }
}
