// The known faults between a conversation and its token ids, each as the ids that it would make.

import type { Prompt } from "../../generate/types.js";
import { CHAT_TEMPLATES } from "../../tokenizer/chatTemplates.js";
import { parseTokenizer } from "../../tokenizer/readTokenizer.js";
import type { Tokenizer } from "../../tokenizer/types.js";
import type { Plan } from "../plan.js";
import type { LocalSide } from "../sides/side.js";
import { frameOf, isConversation, readPrompt } from "../text/compareText.js";
import type { CauseName } from "../types.js";

export interface TextTrial {
  readonly name: CauseName;
  /** What the server would do: a half sentence. */
  readonly what: string;
  readonly ids: readonly (readonly number[] | undefined)[];
}

/** Without the trials that change nothing. */
export async function textTrials(side: LocalSide, { prompts }: Plan): Promise<TextTrial[]> {
  const { tokenizer } = side;
  const plain = prompts.map(({ prompt }) => readPrompt(prompt, tokenizer).ids);
  const of = (make: (prompt: Prompt, at: number) => readonly number[] | undefined) =>
    prompts.map(({ prompt }, at) => make(prompt, at));
  const trials: TextTrial[] = [
    {
      name: "system-text-dropped",
      what: "leaves the system message out",
      ids: of((prompt, at) => {
        if (!isConversation(prompt)) return plain[at];
        const others = prompt.filter(({ role }) => role !== "system");
        return others.length === 0 ? undefined : readPrompt(others, tokenizer).ids;
      }),
    },
  ];
  for (const id of beginnings(side)) {
    const name = tokenizer.decode([id]);
    const has = plain.some((ids) => ids[0] === id);
    trials.push({
      name: has ? "doubled-bos" : "bos",
      what: `puts ${name} (${id}) before every prompt${has ? ", which begins with it already" : ""}`,
      ids: plain.map((ids) => [id, ...ids]),
    });
    trials.push({
      name: has ? "doubled-bos" : "bos",
      what: `puts ${name} (${id}) before every conversation`,
      ids: of((prompt, at) => (isConversation(prompt) ? [id, ...(plain[at] as number[])] : plain[at])),
    });
    if (!has) continue;
    const without = plain.map((ids) => (ids[0] === id ? ids.slice(1) : ids));
    trials.push({ name: "bos", what: `leaves ${name} (${id}) out at the beginning`, ids: without });
  }
  for (const [name, other] of await otherTemplates(side.folder)) {
    const ids = of((prompt, at) => (isConversation(prompt) ? readPrompt(prompt, other).ids : plain[at]));
    trials.push({ name: "chat-template", what: `uses the template ${name}`, ids });
  }
  trials.push({
    name: "chat-template",
    what: "uses no template: the messages' texts, one after the other",
    ids: of((prompt, at) => {
      return isConversation(prompt) ? tokenizer.encode(prompt.map(({ content }) => content).join("\n")) : plain[at];
    }),
  });
  trials.push({
    name: "chat-template",
    what: "leaves the generation prompt out",
    ids: of((prompt, at) => {
      if (!isConversation(prompt) || !tokenizer.hasChatTemplate) return plain[at];
      if ((plain[at] as readonly number[]).length === 0) return undefined;
      return tokenizer.encode(tokenizer.applyChatTemplate(prompt), { addSpecialTokens: false });
    }),
  });
  const key = (ids: TextTrial["ids"]) => ids.map((list) => (list ?? []).join(" ")).join("\n");
  const seen = new Set([key(plain)]);
  return trials.filter(({ ids }) => !seen.has(key(ids)) && seen.add(key(ids)));
}

/** Tokens that may stand before a prompt: what the tokenizer adds, and what config.json names. */
function beginnings({ tokenizer, checkpoint, generation }: LocalSide): Set<number> {
  const named = [generation.bos_token_id, checkpoint.config.bos_token_id].filter(
    (id): id is number => Number.isSafeInteger(id) && (id as number) < tokenizer.vocabularySize,
  );
  return new Set([...frameOf(tokenizer).before.slice(0, 1), ...named]);
}

/** The model's tokenizer with each template that is known by name. */
async function otherTemplates(folder: string): Promise<(readonly [string, Tokenizer])[]> {
  const parsed = await parseTokenizer(folder);
  // With the translator of patterns, which takes a while to load.
  const { buildTokenizer } = await import("../../tokenizer/buildTokenizer.js");
  return Object.entries(CHAT_TEMPLATES).map(([name, text]) => {
    return [name, buildTokenizer(parsed, { text, file: `the template ${name}` }, folder)] as const;
  });
}
