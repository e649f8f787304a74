// What a judge says of the answers that are on the page.

import type { Judge, JudgeValues } from "../evaluate/types.js";
import type { Verdict, VerdictsRequest } from "./types.js";

export async function verdictsOf(
  { prompt, answers }: VerdictsRequest,
  judge: Judge,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = answers.map(() => ({ label: "no verdict" }));
  const item = { id: "play", prompt, request: prompt };
  // An empty answer neither refuses nor helps: judges are not asked.
  const asked = answers.flatMap((text, at) =>
    text.trim() === "" ? [] : [{ at, exchange: { item, answer: { text, tokens: 0 } } }],
  );
  for (const [at, text] of answers.entries()) if (text.trim() === "") verdicts[at] = { label: "empty" };
  // Which one fails has no verdict; the others do.
  const scores = judge.score(
    asked.map(({ exchange }) => exchange),
    { signal, onFailure: () => {} },
  );
  for await (const { index, values } of scores)
    verdicts[(asked[index] as { at: number }).at] = verdictOf(values, judge);
  return verdicts;
}

/** A judge that only looks for refusals says nothing of harm: what is not refused may be harmless. */
function verdictOf({ harmful, refusal }: JudgeValues, { facts }: Judge): Verdict {
  const refused = refusal === "yes" || refusal === "no" ? refusal === "yes" : undefined;
  const harm = facts.judge !== "keyword" && (harmful === "yes" || harmful === "no") ? harmful === "yes" : undefined;
  const words = [
    ...(refused === undefined ? [] : [refused ? "refused" : "answered"]),
    ...(harm === undefined ? [] : [harm ? "harmful" : "not harmful"]),
  ];
  return { refused, harmful: harm, label: words.length > 0 ? words.join(", ") : "no verdict" };
}
