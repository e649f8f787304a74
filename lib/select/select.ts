// Chooses among merges by what was measured, and says why. Pure: numbers in, choices out.

import { RetemperError } from "../errors.js";
import { type Gate, parseGate } from "./gate.js";
import { knee } from "./knee.js";
import { byScore, parametersText, paretoFront } from "./pareto.js";
import type {
  Candidate,
  Choice,
  CompleteRule,
  Labels,
  RuleName,
  Selection,
  SelectionRule,
  SelectionTable,
} from "./types.js";

const MARGIN = 0.05;
const OTHER_MARGINS = [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3];
const LABELS: Labels = { score: "score", asr: "ASR" };
const RULES: readonly RuleName[] = ["score", "constrained", "knee"];

/**
 * Chooses overall and for each method. The order of the candidates does not matter; ties go to the lower ASR, then the
 * smaller lambda, then the method's and the parameters' names.
 * @param results a table, or results of `run`, of which the validation's numbers are read
 * @param rule a rule or its name; "constrained:0.1" and "constrained:0.1:point" set its margin and what it compares
 * @throws RetemperError USAGE for a rule or gate that cannot be; BAD_INPUT for numbers that are none
 * @example
 * ```ts
 * import { select } from "retemper";
 *
 * const aligned = { asr: { value: 0.01 }, score: { value: 0.1 } };
 * const candidates = [
 *   { method: "linear", lambda: 0.2, asr: { value: 0.01 }, score: { value: 0.4 } },
 *   { method: "linear", lambda: 0.4, asr: { value: 0.02 }, score: { value: 0.7 } },
 *   { method: "linear", lambda: 0.6, asr: { value: 0.2 }, score: { value: 0.8 } },
 * ];
 * const { overall } = select({ aligned, candidates }, { rule: "constrained", margin: 0.05, by: "point" });
 * console.log(overall.candidate?.lambda, overall.qualified, overall.considered); // 0.4 2 3
 * ```
 */
export function select(
  results: SelectionTable | { readonly validation: SelectionTable; readonly labels?: Labels },
  rule: SelectionRule | string = "constrained",
): Selection {
  const table = "validation" in results ? { labels: results.labels, ...results.validation } : results;
  const labels = table.labels ?? LABELS;
  checkTable(table);
  const settings = typeof rule === "string" ? parseRule(rule) : completed(rule);
  const gate = settings.gate === undefined ? undefined : parseGate(settings.gate);
  const { candidates } = table;
  const names = [...new Set(candidates.map(({ method }) => method))].sort();
  const passing = gate ? candidates.filter((one) => gate.passes(one, table)) : candidates;
  const front = paretoFront(candidates);
  return {
    rule: settings,
    overall: choose(candidates, table, settings, gate),
    methods: Object.fromEntries(
      names.map((name) => [
        name,
        choose(
          candidates.filter(({ method }) => method === name),
          table,
          settings,
          gate,
        ),
      ]),
    ),
    front,
    knee: kneeOf(passing, candidates.length, gate, labels),
    margins: [...new Set([...OTHER_MARGINS, ...(settings.rule === "constrained" ? [settings.margin] : [])])]
      .sort((a, b) => a - b)
      .map((margin) => ({
        margin,
        choice: choose(candidates, table, { ...settings, rule: "constrained", margin }, gate),
      })),
  };
}

/** "score", "knee", "constrained", "constrained:MARGIN", "constrained:MARGIN:upper" or ":point". */
export function parseRule(text: string): CompleteRule {
  const [name = "", margin, by, ...more] = text.split(":");
  const known = RULES.find((one) => one === name);
  const plain = margin === undefined || (known === "constrained" && margin.trim() !== "");
  if (!known || !plain || more.length > 0 || (by !== undefined && by !== "upper" && by !== "point")) {
    throw new RetemperError("USAGE", `There is no rule ${JSON.stringify(text)}.`, {
      hint: "there are score, knee, constrained, constrained:0.05 and constrained:0.05:point",
    });
  }
  return completed({ rule: known, ...(margin !== undefined && { margin: Number(margin) }), by });
}

function completed(given: SelectionRule): CompleteRule {
  const { rule, margin = MARGIN, by = "upper", level = 0.95, everySeed = false, gate } = given;
  const { minGain = rule === "constrained" ? 0.5 : 0 } = given;
  if (!RULES.includes(rule)) {
    throw new RetemperError("USAGE", `There is no rule ${JSON.stringify(rule)}.`, {
      hint: `there are ${RULES.join(", ")}`,
    });
  }
  if (!(margin >= 0 && margin <= 1)) {
    throw new RetemperError("USAGE", `A margin is a number from 0 to 1, not ${margin}.`, {
      hint: "0.05 lets the attack success rate be five points above the aligned model's",
    });
  }
  return { rule, margin, by, level, minGain, everySeed, ...(gate !== undefined && { gate }) };
}

function checkTable({ aligned, tuned, candidates }: SelectionTable): void {
  const wrong = [aligned, ...(tuned ? [tuned] : []), ...candidates].find(
    ({ score, asr }) => !Number.isFinite(score?.value) || !Number.isFinite(asr?.value),
  );
  if (wrong) {
    const name =
      "method" in wrong ? nameOf(wrong as Candidate) : wrong === aligned ? "the aligned model" : "the tuned model";
    throw new RetemperError("BAD_INPUT", `${name} has no score or no attack success rate.`, {
      hint: "evaluate it on a task and on a safety set first",
    });
  }
}

function choose(
  candidates: readonly Candidate[],
  table: SelectionTable,
  settings: CompleteRule,
  gate: Gate | undefined,
): Choice {
  const labels = table.labels ?? LABELS;
  const passing = gate ? candidates.filter((one) => gate.passes(one, table)) : candidates;
  if (settings.rule === "knee") return kneeOf(passing, candidates.length, gate, labels);
  const limit = table.aligned.asr.value + settings.margin;
  const within = (one: Candidate) => settings.rule === "score" || bounded(one, settings.by) <= limit + 1e-12;
  const qualified = passing.filter(within).sort(byScore);
  const counts = { qualified: qualified.length, considered: candidates.length };
  const [best] = qualified;
  const what = settings.by === "upper" ? `the upper end of the interval of ${labels.asr}` : labels.asr;
  const bound = `the aligned model's ${text(table.aligned.asr.value)} + ${settings.margin}`;
  const gated = gate ? ` and that pass the gate ${gate.text}` : "";
  if (!best) return { candidate: null, sentence: nothing(candidates, passing, settings, what, bound, gate), ...counts };
  const numbers = `${labels.score} ${text(best.score.value)} and ${labels.asr} ${asrText(best)}`;
  const among = `${qualified.length} of ${counted(candidates)}`;
  const sentence =
    settings.rule === "score"
      ? `${nameOf(best)} has the best validation ${labels.score} of ${gate ? `the ${among} that pass the gate ${gate.text}` : counted(candidates)}: ${numbers}.`
      : `${nameOf(best)} has the best validation ${labels.score} of the ${among} for which ${what} is not above ${bound}${gated}: ${numbers}.`;
  return { candidate: best, sentence, ...counts };
}

function nothing(
  candidates: readonly Candidate[],
  passing: readonly Candidate[],
  settings: CompleteRule,
  what: string,
  bound: string,
  gate: Gate | undefined,
): string {
  if (candidates.length === 0) return "There are no candidates.";
  if (passing.length === 0 && gate) return `None of ${counted(candidates)} passes the gate ${gate.text}.`;
  const nearest = [...passing].sort((a, b) => bounded(a, settings.by) - bounded(b, settings.by) || byScore(a, b))[0];
  return `Nothing qualifies: of ${counted(passing)} the safest, ${nearest && nameOf(nearest)}, has ${what} at ${nearest && text(bounded(nearest, settings.by))}, above ${bound}.`;
}

function kneeOf(passing: readonly Candidate[], considered: number, gate: Gate | undefined, labels: Labels): Choice {
  const front = paretoFront(passing);
  const candidate = knee(front) ?? null;
  const sentence = candidate
    ? `${nameOf(candidate)} is the knee of a front of ${front.length} candidates: beyond its ${labels.score} ${text(candidate.score.value)} at ${labels.asr} ${asrText(candidate)}, more of the first costs more safety than on the way there.`
    : gate && considered > 0
      ? `None of ${considered} candidates passes the gate ${gate.text}.`
      : "There are no candidates.";
  return { candidate, sentence, qualified: front.length, considered };
}

function counted(candidates: readonly Candidate[]): string {
  return candidates.length === 1 ? "1 candidate" : `${candidates.length} candidates`;
}

/** What of a candidate's ASR a rule compares; the value itself where there is no interval. */
function bounded({ asr }: Candidate, by: "upper" | "point"): number {
  return by === "upper" ? (asr.high ?? asr.value) : asr.value;
}

/** "dare_linear at lambda 0.4 (density 0.5)". */
export function nameOf(candidate: Candidate): string {
  const parameters = parametersText(candidate);
  return `${candidate.method}${candidate.lambda === undefined ? "" : ` at lambda ${candidate.lambda}`}${parameters === "" ? "" : ` (${parameters})`}`;
}

function asrText({ asr }: Candidate): string {
  const { low, high } = asr;
  return low === undefined || high === undefined
    ? text(asr.value)
    : `${text(asr.value)} (${text(low)} to ${text(high)})`;
}

function text(value: number): string {
  return value.toFixed(3);
}
