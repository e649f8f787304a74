// Decoders of tokens that stand for bytes, which only together are characters.

import { bytesOfToken } from "./byteLevel.js";
import type { DecoderStep } from "./decoderStep.js";
import { decodeUtf8, incompleteTail } from "./utf8.js";

/** Tokens over GPT-2's byte alphabet: all bytes together are one text. */
export class ByteLevelStep implements DecoderStep {
  /** The beginning of a character, at most three bytes. */
  #held: Uint8Array = new Uint8Array();

  push(token: string): string[] {
    const bytes = this.#with([token]);
    const certain = bytes.length - incompleteTail(bytes);
    this.#held = bytes.subarray(certain);
    return certain === 0 ? [] : [decodeUtf8(bytes.subarray(0, certain))];
  }

  rest(last: readonly string[]): string[] {
    return [decodeUtf8(this.#with(last))];
  }

  #with(tokens: readonly string[]): Uint8Array {
    const first = tokens[0];
    if (this.#held.length === 0 && tokens.length === 1 && first !== undefined) return bytesOfToken(first);
    return Buffer.concat([this.#held, ...tokens.map(bytesOfToken)]);
  }
}

/**
 * Tokens <0x00> to <0xFF> among tokens of text. A run of them is text if all of it is UTF-8, else each byte is U+FFFD: so
 * nothing of a run is certain before it ends.
 */
export class ByteFallbackStep implements DecoderStep {
  #run: number[] = [];

  push(token: string): string[] {
    const byte = byteOf(token);
    if (byte !== undefined) {
      this.#run.push(byte);
      return [];
    }
    if (this.#run.length === 0) return [token];
    const texts = textsOfRun(this.#run);
    this.#run = [];
    return [...texts, token];
  }

  rest(last: readonly string[]): string[] {
    const texts: string[] = [];
    let run = [...this.#run];
    const end = (): void => {
      for (const text of run.length > 0 ? textsOfRun(run) : []) texts.push(text);
      run = [];
    };
    for (const token of last) {
      const byte = byteOf(token);
      if (byte !== undefined) run.push(byte);
      else {
        end();
        texts.push(token);
      }
    }
    end();
    return texts;
  }
}

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

function byteOf(token: string): number | undefined {
  const digits = token.length === 6 ? BYTE_TOKEN.exec(token)?.[1] : undefined;
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textsOfRun(run: readonly number[]): string[] {
  try {
    return [strict.decode(Uint8Array.from(run))];
  } catch {
    return run.map(() => "\ufffd");
  }
}
