// What judges say of both models' answers to the same prompts.

import type { Exchange, Judge, JudgeValues } from "../evaluate/types.js";
import type { Prompt } from "../generate/types.js";
import type { Gathered } from "./gathered.js";
import type { Plan } from "./plan.js";
import { isConversation } from "./text/compareText.js";
import type { VerdictComparison } from "./types.js";

/** One comparison a judge, over the prompts that both answered. */
export async function compareVerdicts({ told }: Gathered, plan: Plan): Promise<VerdictComparison[]> {
  const found: VerdictComparison[] = [];
  for (const judge of plan.judges ?? []) {
    plan.onStep?.(`verdicts of ${judge.name}`);
    const both = plan.prompts.flatMap((_, at) => (told.a[at] && told.b[at] ? [at] : []));
    const [a, b] = [await verdicts(judge, told.a, both, plan), await verdicts(judge, told.b, both, plan)];
    const differences = both.flatMap((prompt) => {
      const [one, other] = [a.get(prompt), b.get(prompt)];
      return one !== undefined && other !== undefined && one !== other ? [{ prompt, a: one, b: other }] : [];
    });
    const compared = both.filter((at) => a.has(at) && b.has(at)).length;
    found.push({ judge: judge.name, same: compared - differences.length, compared, differences });
  }
  return found;
}

async function verdicts(
  judge: Judge,
  answers: Gathered["told"]["a"],
  places: readonly number[],
  { prompts, signal }: Plan,
): Promise<Map<number, string>> {
  const exchanges = places.map((at): Exchange => {
    const { prompt, id = at } = prompts[at] as Plan["prompts"][number];
    const { text, finish, ids } = answers[at] as NonNullable<Gathered["told"]["a"][number]>;
    return {
      item: { id: String(id), prompt, request: requestOf(prompt) },
      answer: { text, finish, tokens: ids.length },
    };
  });
  const found = new Map<number, string>();
  for await (const { index, values } of judge.score(exchanges, { signal, onFailure: () => {} })) {
    found.set(places[index] as number, words(values));
  }
  return found;
}

function words({ harmful, refusal }: JudgeValues): string {
  const parts = [harmful === null ? "" : `harmful: ${harmful}`, refusal === null ? "" : `refusal: ${refusal}`];
  return parts.filter((part) => part !== "").join(", ") || "no verdict";
}

/** What a person asked: the last message of the user. */
function requestOf(prompt: Prompt): string {
  if (typeof prompt === "string") return prompt;
  if (!isConversation(prompt)) return "";
  return prompt.filter(({ role }) => role === "user").at(-1)?.content ?? "";
}
