// Whether a server draws tokens where a request names no temperature: the same prompts again and again, without one.

import type { Generation } from "../../generate/types.js";
import type { Plan } from "../plan.js";
import type { ServerSide } from "../sides/side.js";

/** Prompts that are asked, and how often each. */
const PROMPTS = 3;
const TIMES = 4;
/** A server that draws at temperature 1 gives only greedy answers with at most this probability where greedy is concluded. */
const BY_CHANCE = 0.01;
/** Greedy servers that batch requests flip a near tie now and then; this share of other answers is no flip. */
const OTHERS = 0.25;

export interface DrawsByDefault {
  /** Undefined where its answers decide nothing. */
  readonly draws: boolean | undefined;
  /** What was seen. */
  readonly evidence: string;
}

/** @param greedy its answers at temperature 0, which say how probable they are when tokens are drawn at temperature 1 */
export async function drawsByDefault(
  side: ServerSide,
  greedy: readonly (Generation | undefined)[],
  { prompts, maxNewTokens, signal }: Plan,
): Promise<DrawsByDefault> {
  const logChanceOf = (at: number) => greedy[at]?.logprobs?.reduce((sum, one) => sum + one, 0) ?? 0;
  const places = prompts
    .flatMap((_, at) => (greedy[at] ? [at] : []))
    .sort((x, y) => logChanceOf(x) - logChanceOf(y))
    .slice(0, PROMPTS);
  const asked = places.flatMap((at) => Array.from({ length: TIMES }, () => at));
  const answers = side.open({ temperature: undefined }).generate(
    asked.map((at) => (prompts[at] as Plan["prompts"][number]).prompt),
    { maxNewTokens, signal, onFailure: () => {} },
  );
  const seen = { answers: 0, others: 0 };
  for await (const { index, text } of answers) {
    seen.answers += 1;
    if (text !== greedy[asked[index] as number]?.text) seen.others += 1;
  }
  return concluded({ ...seen, logChance: TIMES * places.reduce((sum, at) => sum + logChanceOf(at), 0) });
}

/**
 * What answers without a temperature say.
 * @param logChance log-probability that drawing at temperature 1 gives the greedy answers every time: the sum of the greedy
 *   answers' log-probabilities, each as often as it was asked
 */
export function concluded({
  answers,
  others,
  logChance,
}: {
  readonly answers: number;
  readonly others: number;
  readonly logChance: number;
}): DrawsByDefault {
  if (others > 0 && others >= OTHERS * answers) {
    return {
      draws: true,
      evidence: `asked without a temperature, ${others} of ${answers} answers are not the greedy ones`,
    };
  }
  if (answers > 0 && others === 0 && logChance <= Math.log(BY_CHANCE)) {
    const chance = Math.exp(logChance).toExponential(0);
    return {
      draws: false,
      evidence: `asked without a temperature, all ${answers} answers are the greedy ones, which drawing at temperature 1 does with probability ${chance}`,
    };
  }
  return { draws: undefined, evidence: "its answers without a temperature decide nothing" };
}
