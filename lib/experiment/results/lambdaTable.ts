// The evaluations of one merge at several lambdas as a table that a rule can choose from.

import { RetemperError } from "../../errors.js";
import type { Results } from "../../evaluate/run/results.js";
import { RESERVED } from "../../select/gate.js";
import type { SelectionTable, SkillFacts } from "../../select/types.js";
import { ALL } from "../candidates/point.js";
import { measure } from "../tables/measure.js";
import { tableItems } from "../tables/tableItems.js";

export interface LambdaTableEnds {
  /** The aligned model's evaluation; by default the merge's at lambda 0, which is this model. */
  readonly aligned?: Results | undefined;
  /** The fine-tuned model's; by default the merge's at lambda 1, if it is there. */
  readonly tuned?: Results | undefined;
  /** Names of sets that are skills, each an axis by its own name; the score is that of the others. */
  readonly skills?: readonly string[] | undefined;
}

/**
 * A table for `select`, of evaluations that have a safety set and a task: what `evaluate --lambda` writes.
 * @throws RetemperError BAD_INPUT without an aligned model, a safety set or a task; USAGE for a skill that was not evaluated
 * @example
 * ```ts
 * import { lambdaTable, readLambdaResults, select } from "retemper";
 *
 * const merges = await readLambdaResults("evaluations/merges"); // lambda 0 is the aligned model
 * if (merges) console.log(select(lambdaTable(merges), "constrained:0.1").overall.sentence);
 * ```
 */
export function lambdaTable(merges: readonly Results[], ends: LambdaTableEnds = {}): SelectionTable {
  const at = (lambda: number) => merges.find((one) => one.lambda === lambda);
  const { aligned = at(0), tuned = at(1), skills = [] } = ends;
  if (!aligned) {
    throw new RetemperError("BAD_INPUT", "There is no aligned model to compare the merges with.", {
      hint: "evaluate lambda 0 too, or give the aligned model's evaluation: --aligned",
    });
  }
  const facts = factsOf(skills, aligned);
  const items = tableItems(aligned, { skillOf: new Map(skills.map((name) => [name, name])), only: new Set(skills) });
  const of = (results: Results) => measure([{ seed: ALL, results }], items);
  const between = merges.filter(({ lambda = 0 }) => lambda > 0 && lambda < 1);
  const [task, set] = (["task", "safety"] as const).map((kind) =>
    aligned.tasks.find((one) => one.kind === kind && !skills.includes(one.name)),
  );
  const primary = task?.metrics[task.primary];
  return {
    labels: { score: task?.primary ?? "score", asr: set?.primary ?? "ASR" },
    better: primary?.better ?? "high",
    ...(skills.length > 0 && { skills: facts }),
    aligned: of(aligned),
    ...(tuned && { tuned: of(tuned) }),
    candidates: between.map((results) => ({ method: "merge", lambda: results.lambda, ...of(results) })),
  };
}

/** Of each skill its direction, and what its score is called. */
function factsOf(skills: readonly string[], { tasks }: Results): Record<string, SkillFacts> {
  const known = tasks.filter(({ kind }) => kind === "task");
  return Object.fromEntries(
    skills.map((name): [string, SkillFacts] => {
      const task = known.find((one) => one.name === name);
      const wrong = task
        ? RESERVED.includes(name) && `A skill cannot be called ${name}, which means something else in a gate.`
        : `There is no set ${JSON.stringify(name)} with a score that could be a skill.`;
      if (!task || wrong) {
        throw new RetemperError("USAGE", wrong as string, {
          hint: `sets with a score are ${known.map((one) => one.name).join(", ") || "none"}`,
        });
      }
      const { primary, metrics } = task;
      return [name, { better: metrics[primary]?.better ?? "high", metric: primary }];
    }),
  );
}
