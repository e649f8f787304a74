// From conversations to ids, with what of them the model says itself: the model's own template as generation uses it, so that the
// model meets in use what it saw in training, and is scored on what it learned to say.

import { RetemperError } from "../../errors.js";
import type { ChatMessage, Tokenizer } from "../../generate/types.js";

export interface EncodedConversation {
  readonly ids: readonly number[];
  /** For each id whether it is of an answer, or the token that ends one. */
  readonly learned: readonly boolean[];
}

/** What a model brings to it. */
export interface ConversationModel {
  readonly tokenizer: Pick<Tokenizer, "encode" | "applyChatTemplate" | "hasChatTemplate">;
  /** What ends an answer. */
  readonly stopTokens: readonly number[];
}

/** @throws RetemperError with the template's own message */
export function encodeConversation(
  messages: readonly ChatMessage[],
  { tokenizer, stopTokens }: ConversationModel,
): EncodedConversation {
  return tokenizer.hasChatTemplate
    ? conversation(messages, tokenizer, stopTokens)
    : plain(messages, tokenizer, stopTokens);
}

/** Without a template: the texts one after the other, the end of sequence after each answer. */
function plain(
  messages: readonly ChatMessage[],
  tokenizer: ConversationModel["tokenizer"],
  stops: readonly number[],
): EncodedConversation {
  const pieces = new Pieces();
  messages.forEach(({ role, content }, i) => {
    pieces.add(tokenizer.encode(content, { addSpecialTokens: i === 0 }), role === "assistant");
    if (role === "assistant") pieces.add(stops.slice(0, 1), true);
  });
  return pieces;
}

/** Each answer is what the template adds when the answer follows the generation prompt, up to the token that ends it. */
function conversation(
  messages: readonly ChatMessage[],
  tokenizer: ConversationModel["tokenizer"],
  stops: readonly number[],
): EncodedConversation {
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
function withSystem(
  messages: readonly ChatMessage[],
  tokenizer: ConversationModel["tokenizer"],
): readonly ChatMessage[] {
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

class Pieces implements EncodedConversation {
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
