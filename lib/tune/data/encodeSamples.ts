// From conversations to ids, with what of them is learned: the model's own template as generation uses it, so that the model
// meets in use what it saw in training.

import { RetemperError } from "../../errors.js";
import type { ChatMessage, Tokenizer } from "../../tokenizer/types.js";
import { cutEnd } from "./cutRows.js";
import type { Example } from "./example.js";
import type { Place, Sample } from "./readRows.js";

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
  const tokenizer = encoding.tokenizer as Tokenizer;
  try {
    return tokenizer.hasChatTemplate
      ? conversation(sample.messages, tokenizer, encoding.stopTokens)
      : plain(sample.messages, tokenizer, encoding.stopTokens);
  } catch (cause) {
    if (!(cause instanceof RetemperError)) throw cause;
    const { what, file, line } = sample.place;
    throw cause.retold(`${what}: ${cause.message}`, { file, line });
  }
}

/** Without a template: the texts one after the other, the end of sequence after each answer. */
function plain(messages: readonly ChatMessage[], tokenizer: Tokenizer, stops: readonly number[]): Example {
  const pieces = new Pieces();
  messages.forEach(({ role, content }, i) => {
    pieces.add(tokenizer.encode(content, { addSpecialTokens: i === 0 }), role === "assistant");
    if (role === "assistant") pieces.add(stops.slice(0, 1), true);
  });
  return pieces;
}

/** Each answer is what the template adds when the answer follows the generation prompt, up to the token that ends it. */
function conversation(messages: readonly ChatMessage[], tokenizer: Tokenizer, stops: readonly number[]): Example {
  const ids = (text: string) => tokenizer.encode(text, { addSpecialTokens: false });
  const turns = withSystem(messages, tokenizer);
  const answers = turns.flatMap(({ role }, i) => (role === "assistant" && i > 0 ? [i] : []));
  const pieces = new Pieces();
  let before = "";
  for (const at of answers) {
    const prompt = tokenizer.applyChatTemplate(turns.slice(0, at), { addGenerationPrompt: true });
    // a template may write earlier turns differently once later ones follow (reasoning left out): start anew there
    if (!prompt.startsWith(before)) {
      pieces.clear();
      before = "";
    }
    pieces.add(ids(prompt.slice(before.length)), false);
    const all = tokenizer.applyChatTemplate(turns.slice(0, at + 1));
    const answer = all.startsWith(prompt) ? all.slice(prompt.length) : (turns[at]?.content ?? "");
    const said = ids(answer);
    const end = said.findIndex((id) => stops.includes(id));
    if (end >= 0) {
      pieces.add(said.slice(0, end + 1), true);
      if (at !== answers.at(-1)) pieces.add(said.slice(end + 1), false);
    } else {
      pieces.add([...said, ...stops.slice(0, 1)], true);
    }
    before = all.startsWith(prompt) ? all : prompt + answer;
  }
  return pieces;
}

/** Where the template has no system role, the text is put before the first question, with an empty line. */
function withSystem(messages: readonly ChatMessage[], tokenizer: Tokenizer): readonly ChatMessage[] {
  const [system, question, ...rest] = messages;
  if (system?.role !== "system" || question?.role !== "user") return messages;
  try {
    tokenizer.applyChatTemplate([system, question], { addGenerationPrompt: true });
    return messages;
  } catch (error) {
    if (!(error instanceof RetemperError)) throw error;
    return [{ role: "user", content: `${system.content}\n\n${question.content}` }, ...rest];
  }
}

class Pieces implements Example {
  readonly ids: number[] = [];
  readonly learned: boolean[] = [];

  add(ids: readonly number[], isLearned: boolean): void {
    for (const id of ids) {
      this.ids.push(id);
      this.learned.push(isLearned);
    }
  }

  clear(): void {
    this.ids.length = 0;
    this.learned.length = 0;
  }
}

function misplaced({ what, file, line }: Place, fault: string): RetemperError {
  return new RetemperError("BAD_INPUT", `${what} ${fault}`, { file, line, hint: "The ids are of another tokenizer." });
}
