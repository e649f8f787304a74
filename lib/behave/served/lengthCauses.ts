// What the counts of prompt tokens say, where the tokens themselves are not seen.

import type { Plan } from "../plan.js";
import { isConversation } from "../text/compareText.js";
import type { Cause } from "../types.js";

/** @param a, b tokens of each prompt; 0 where that is not known */
export function lengthCauses(a: readonly number[], b: readonly number[], prompts: Plan["prompts"]): Cause[] {
  const known = prompts.flatMap((_, at) => (a[at] && b[at] ? [at] : []));
  const other = known.filter((at) => a[at] !== b[at]);
  const [first] = other;
  if (first === undefined) return [];
  const difference = (at: number) => (b[at] as number) - (a[at] as number);
  const evidence = [
    `${other.length} of ${known.length} prompts have another number of tokens, such as ${a[first]} in A and ${b[first]} in B`,
  ];
  const told = (name: Cause["name"], summary: string, remedy: string): Cause[] => {
    return [{ name, sure: "likely", summary, evidence, remedy, numeric: false }];
  };
  const conversations = known.filter((at) => isConversation(prompts[at]?.prompt ?? ""));
  const all = [known, conversations].some(
    (places) => places.length > 0 && other.length === places.length && places.every((at) => other.includes(at)),
  );
  if (all && other.every((at) => Math.abs(difference(at)) === 1)) {
    const more = difference(first) > 0 ? "B" : "A";
    return told(
      "bos",
      `${more} has one token more in every prompt: a beginning-of-text token, perhaps a second one.`,
      "Let it be added in one place only: by the template, or by the tokenizer.",
    );
  }
  const system = conversations.filter((at) => hasSystem(prompts[at]?.prompt));
  const only = other.every((at) => system.includes(at)) && other.length === system.length;
  const sign = Math.sign(difference(first));
  if (only && other.every((at) => Math.sign(difference(at)) === sign)) {
    return told(
      "system-text-dropped",
      `Only conversations with a system message are shorter in ${sign < 0 ? "B" : "A"}: it leaves the system text out.`,
      "Serve it with the model's own chat template.",
    );
  }
  return told(
    "chat-template",
    "The prompts have other numbers of tokens: another chat template or tokenizer.",
    "Serve both with the same chat template and tokenizer.",
  );
}

function hasSystem(prompt: Plan["prompts"][number]["prompt"] | undefined): boolean {
  return prompt !== undefined && isConversation(prompt) && prompt.some(({ role }) => role === "system");
}
