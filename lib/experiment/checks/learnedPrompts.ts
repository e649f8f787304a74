// Whether what a tuning learns holds prompts that choose lambda: a prompt that was learned says nothing of others.

import type { Item, Task } from "../../evaluate/types.js";
import type { ChatMessage } from "../../generate/types.js";
import { readSamples } from "../../tune/data/readRows.js";

/** What users say in the rows of a training. */
export async function learnedPrompts(data: string): Promise<ReadonlySet<string>> {
  const samples = await readSamples(data, undefined);
  return new Set(samples.flatMap((one) => (one.kind === "messages" ? one.messages.flatMap(userText) : [])));
}

/** Items whose prompt is among what is learned. */
export function alsoLearned(tasks: readonly Task[], learned: ReadonlySet<string>): number {
  const all = tasks.flatMap(({ items }) => items);
  return all.filter((item) => textsOf(item).some((text) => learned.has(text))).length;
}

function textsOf({ prompt, request }: Item): string[] {
  if (typeof prompt === "string" || typeof prompt[0] === "number") return [request];
  return [request, ...(prompt as readonly ChatMessage[]).flatMap(userText)];
}

function userText({ role, content }: ChatMessage): string[] {
  return role === "user" ? [content] : [];
}
