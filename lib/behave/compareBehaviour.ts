// Whether two models behave the same, and if not, why.

import { compareModels } from "./compareModels.js";
import { compareServed } from "./compareServed.js";
import { compareVerdicts } from "./compareVerdicts.js";
import type { Gathered } from "./gathered.js";
import { type Plan, planOf } from "./plan.js";
import { openSide } from "./sides/openSide.js";
import type { Side } from "./sides/side.js";
import type { BehaviourOptions, BehaviourReport, BehaviourSource, Cause, SideFacts, Sureness } from "./types.js";

/** Mean KL in nats below which two engines that round differently are the same. */
const SAME = 1e-6;

/**
 * Asks two models the same and names the cause where they behave differently: a merge that was tested and the file, adapter or
 * server that people get.
 *
 * Models of this machine are compared by their files (tokenizer, template, settings, tensors), by the distributions of the next
 * token and by greedy answers. Of a server only its answers are seen, and what it tells of itself; against a model of this machine
 * its answers are explained by trials: the model is asked as each known fault would have it, and the fault that gives the
 * server's own log-probabilities is the cause.
 * @throws RetemperError USAGE for wrong options; what opening and running a model, or asking a server, throws
 * @example
 * ```ts
 * import { compareBehaviour } from "retemper";
 *
 * // the model that was tested, and a file to ship in which the adapter is missing
 * const report = await compareBehaviour("models/aligned+models/adapter", "models/aligned", { maxNewTokens: 8 });
 * console.log(report.verdict, report.causes.map(({ name }) => name)); // different [ 'adapter-not-applied' ]
 * ```
 */
export async function compareBehaviour(
  a: BehaviourSource,
  b: BehaviourSource,
  options: BehaviourOptions = {},
): Promise<BehaviourReport> {
  const plan = planOf(options);
  plan.signal?.throwIfAborted();
  plan.onStep?.("files of A");
  const sideA = await openSide(a, plan);
  try {
    plan.onStep?.("files of B");
    const sideB = await openSide(b, plan);
    try {
      const gathered = await gather(sideA, sideB, plan);
      const verdicts = await compareVerdicts(gathered, plan);
      return reportOf(sideA, sideB, gathered, verdicts, plan);
    } finally {
      await sideB.close();
    }
  } finally {
    await sideA.close();
  }
}

async function gather(a: Side, b: Side, plan: Plan): Promise<Gathered> {
  if (a.kind === "local" && b.kind === "local") return compareModels(a, b, plan);
  return compareServed(a, b, plan);
}

function reportOf(
  a: Side,
  b: Side,
  gathered: Gathered,
  verdicts: BehaviourReport["verdicts"],
  { tolerance, prompts }: Plan,
): BehaviourReport {
  const { told, engines, ...found } = gathered;
  // Where distributions are not seen: of a small difference, KL is about half the square of log-probabilities' difference.
  const fromGap = found.logprobGap === undefined ? undefined : found.logprobGap ** 2 / 2;
  const numbers = [found.firstToken?.klMean, found.sameTokens?.klMean, fromGap].filter((value) => value !== undefined);
  const most = Math.max(0, ...numbers);
  // Without distributions the texts decide; with them, answers that part at a tie are no difference.
  const parted = numbers.length === 0 && found.answers.divergences.length > 0;
  const causes = ordered(found.causes);
  const unexplained = (most > tolerance || parted) && causes.length === 0;
  // What was not measured is not excused, but for formats that hold the same values.
  const excusable = numbers.length > 0 || (found.weights?.distance ?? 1) <= SAME;
  const different = unexplained || most > tolerance || parted || causes.some(({ numeric }) => !numeric || !excusable);
  const same = causes.length === 0 && most <= SAME && found.answers.divergences.length === 0;
  return {
    verdict: different ? "different" : same ? "same" : "within tolerance",
    tolerance,
    a: withEngine(a.facts, engines.a),
    b: withEngine(b.facts, engines.b),
    prompts: prompts.length,
    ...found,
    newTokens: [...told.a, ...told.b].reduce((sum, one) => sum + (one?.ids.length ?? 0), 0),
    causes: unexplained ? [unknown(found, most)] : causes,
    verdicts,
  };
}

function withEngine(facts: SideFacts, engine: SideFacts["engine"]): SideFacts {
  return engine === undefined ? facts : { ...facts, engine };
}

const ORDER: readonly Sureness[] = ["certain", "likely", "possible"];

/** Of those that are as sure, what moves numbers only comes after what changes more: a quantised file with another template. */
function ordered(causes: readonly Cause[]): Cause[] {
  const place = ({ sure, numeric }: Cause) => 2 * ORDER.indexOf(sure) + Number(numeric);
  return [...causes].sort((x, y) => place(x) - place(y));
}

function unknown({ answers }: Pick<Gathered, "answers">, most: number): Cause {
  return {
    name: "unknown",
    sure: "certain",
    summary: "They answer differently, and nothing that was looked at explains it.",
    evidence: [
      `${answers.compared - answers.same} of ${answers.compared} answers part; divergence ${most.toPrecision(2)} nats a token`,
      "tokenizer, template, stop tokens, settings and weights are the same as far as they are known",
    ],
    remedy:
      "Other weights or another engine remain. Compare the files themselves, not the server, where you have them.",
    numeric: true,
  };
}
