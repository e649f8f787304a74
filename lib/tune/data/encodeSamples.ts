// From samples to examples within the vocabulary and the cutoff.

import { RetemperError } from "../../errors.js";
import type { Place } from "../../evaluate/data/conversation.js";
import { encodeConversation } from "../../evaluate/data/encodeConversation.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import { cutEnd } from "./cutRows.js";
import type { Example } from "./example.js";
import type { Sample } from "./readRows.js";

export interface Encoded {
  readonly examples: readonly Example[];
  /** Rows longer than the cutoff, and those of which no answer was left. */
  readonly cut: number;
  readonly dropped: number;
}

export interface Encoding {
  /** Undefined where all samples are ids. */
  readonly tokenizer: Tokenizer | undefined;
  readonly stopTokens: readonly number[];
  readonly vocabulary: number;
  readonly cutoff: number;
  /** What is left of a row that is longer than the cutoff; its end is cut off by default. */
  readonly cut?: ((example: Example, cutoff: number) => Example) | undefined;
}

/** @throws RetemperError BAD_INPUT for an id beyond the vocabulary, and where nothing is left to learn */
export function encodeSamples(samples: readonly Sample[], encoding: Encoding): Encoded {
  const examples: Example[] = [];
  let cut = 0;
  let dropped = 0;
  const { cut: shorten = cutEnd } = encoding;
  for (const sample of samples) {
    const whole = encode(sample, encoding);
    const beyond = whole.ids.find((id) => id >= encoding.vocabulary);
    if (beyond !== undefined) {
      throw misplaced(sample.place, `has the token ${beyond}: the model's vocabulary has ${encoding.vocabulary}`);
    }
    const isLong = whole.ids.length > encoding.cutoff;
    if (isLong) cut += 1;
    const example = isLong ? shorten(whole, encoding.cutoff) : whole;
    if (example.learned.some((is, i) => is && i > 0)) examples.push(example);
    else dropped += 1;
  }
  if (examples.length > 0) return { examples, cut, dropped };
  throw new RetemperError("BAD_INPUT", `No row has an answer within ${encoding.cutoff} tokens.`, {
    hint: "Raise the cutoff.",
  });
}

function encode(sample: Sample, encoding: Encoding): Example {
  if (sample.kind === "ids") {
    return { ids: sample.ids, learned: sample.ids.map((_, i) => i >= sample.promptLength) };
  }
  const { tokenizer, stopTokens } = encoding;
  try {
    return encodeConversation(sample.messages, { tokenizer: tokenizer as Tokenizer, stopTokens });
  } catch (cause) {
    if (!(cause instanceof RetemperError)) throw cause;
    const { what, file, line } = sample.place;
    throw cause.retold(`${what}: ${cause.message}`, { file, line });
  }
}

function misplaced({ what, file, line }: Place, fault: string): RetemperError {
  return new RetemperError("BAD_INPUT", `${what} ${fault}`, { file, line, hint: "The ids are of another tokenizer." });
}
