// Results of earlier versions of the same format lack what came later: it is filled in where the report can do without it, and
// else the file is refused.

import { RetemperError } from "../errors.js";
import { candidateId, nameOf } from "../select/names.js";
import { completeRule } from "../select/rule.js";
import { EXPERIMENT_FORMAT, type ExperimentResults, type WrittenModel } from "./types.js";

/** What no report can do without. */
const NEEDED = [
  ["name"],
  ["labels", "asr"],
  ["labels", "score"],
  ["validation", "aligned", "asr", "value"],
  ["validation", "aligned", "score", "value"],
  ["validation", "tuned", "asr", "value"],
  ["validation", "candidates"],
  ["selection", "overall", "sentence"],
  ["selection", "rule", "rule"],
  ["test", "aligned", "asr", "value"],
  ["test", "tuned", "asr", "value"],
  ["test", "chosen"],
  ["provenance", "seeds"],
] as const;

/**
 * @param value what results.json holds
 * @throws RetemperError BAD_INPUT where it is of another format, or lacks what a report is about
 */
export function fillOlder(value: unknown, file: string): ExperimentResults {
  const format = at(value, ["format"]);
  if (typeof format === "string" && /^retemper-experiment\/\d+$/.test(format) && format !== EXPERIMENT_FORMAT) {
    const version = at(value, ["provenance", "version"]);
    throw new RetemperError("BAD_INPUT", `this is ${format}, and this version reads ${EXPERIMENT_FORMAT}`, {
      file,
      hint: `run the experiment again into a new folder, or take the version that made it${typeof version === "string" ? `: Retemper ${version}` : ""}`,
    });
  }
  if (format !== EXPERIMENT_FORMAT) {
    throw new RetemperError("BAD_INPUT", `this is not ${EXPERIMENT_FORMAT}`, {
      file,
      hint: "give the output folder of retemper run",
    });
  }
  const missing = NEEDED.find((path) => at(value, path) === undefined);
  if (missing) {
    throw new RetemperError("BAD_INPUT", `${missing.join(".")} is missing`, {
      file,
      hint: "the file is not whole, or of a version before this one: run the experiment again into a new folder",
    });
  }
  const known = value as ExperimentResults;
  const { selection, paired = [], trends = [], outputs = [], examples = [], notes = [], provenance } = known;
  return {
    ...known,
    selection: {
      ...selection,
      ...{ rule: completeRule(selection.rule), methods: selection.methods ?? {}, front: selection.front ?? [] },
      ...{ margins: selection.margins ?? [], verdicts: selection.verdicts ?? [] },
    },
    // tests had no adjusted p before
    paired: paired.filter(({ pHolm }) => typeof pHolm === "number"),
    trends: trends.filter(({ pHolm }) => typeof pHolm === "number"),
    ...{ outputs: outputs.map((one) => withCandidate(one, known)), examples, notes },
    provenance: { ...provenance, models: provenance.models ?? [], data: provenance.data ?? [] },
  };
}

/** Older results tell by its name alone which candidate an output is. */
function withCandidate(output: WrittenModel, { test }: ExperimentResults): WrittenModel {
  if (output.candidate !== undefined) return output;
  const found = test.chosen.find((one) => nameOf(one) === output.name);
  return { ...output, candidate: found ? candidateId(found) : output.name };
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (one, key) => (typeof one === "object" && one !== null ? (one as Record<string, unknown>)[key] : undefined),
    value,
  );
}
