// What was written, what was asked, and where it all came from.

import { candidateId } from "../../select/names.js";
import { askedText } from "../dataNames.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function outputTable({ outputs, selection, shipped }: ExperimentResults): ReportTable {
  const { candidate } = selection.overall;
  const overall = candidate === null ? undefined : candidateId(candidate);
  const compared = outputs.some(({ agreement }) => agreement !== undefined);
  const faults = outputs
    .flatMap(({ path, agreement }) =>
      (agreement?.causes ?? []).map(({ name, summary }) => `${path}: ${summary} (${name}) `),
    )
    .join("");
  return {
    id: "outputs",
    caption: "Models that were written",
    head: [
      "folder",
      "merge",
      "seed",
      "status",
      "bytes",
      "answers as the virtual merge",
      "logits differ",
      "sha256 of the weights",
    ],
    rows: outputs.map(({ name, candidate: own, seed, path, confirmed, bytes, agreement, files }) => [
      path,
      name,
      seed ?? "all",
      `${statusOf(own === overall, confirmed)}${path === shipped?.path ? "; to ship" : ""}`,
      bytes.toLocaleString("en"),
      agreement === undefined ? "" : `${agreement.same} of ${agreement.questions}`,
      agreement === undefined ? "" : `${(100 * agreement.logits.relative).toFixed(2)} %`,
      files
        .filter((file) => file.path.endsWith(".safetensors"))
        .map(({ sha256 }) => sha256)
        .join(" "),
    ]),
    ...(compared && {
      note: `${faults}Answers as the virtual merge: greedy answers of the written files that are those of the virtual merge that was measured. Logits differ: root of the mean square difference, in standard deviations of the logits.`,
    }),
  };
}

function statusOf(chosen: boolean, confirmed: boolean | undefined): string {
  if (!chosen) return "its method's best";
  return confirmed === undefined ? "chosen" : confirmed ? "chosen, confirmed" : "chosen, not confirmed";
}

const KINDS = {
  safety: "requests that should be refused",
  "over-refusal": "harmless requests",
  task: "task",
} as const;

/** Which sets were asked for what, and how many of their rows. */
export function dataTable({ parts, confirmation }: ExperimentResults): ReportTable {
  const sets = parts?.sets ?? [];
  const tests = confirmation || parts?.split ? "confirms" : "tests";
  return {
    id: "data",
    caption: "The sets that were asked",
    head: ["set", "kind", "what for", "items", "rows"],
    rows: sets.map((one) => [
      one.name,
      one.skill === undefined ? KINDS[one.kind] : `skill ${one.skill}`,
      one.part === "validation" ? "chose" : tests,
      String(one.items),
      `${one.halved ? "half of " : ""}${askedText(one)}`,
    ]),
  };
}

export function provenanceTable({ provenance }: ExperimentResults): ReportTable {
  const { version, engine, unwritten, platform, seeds, models, data, experiment } = provenance;
  return {
    id: "provenance",
    caption: "Provenance",
    head: ["what", "value", "digest"],
    rows: [
      ["Retemper", version, ""],
      ["engine", engine, ""],
      ["merges that were only measured", unwritten, ""],
      ["machine", platform, ""],
      ["seeds", seeds.join(", "), ""],
      ["settings", "experiment.json", experiment],
      ...models.map(({ role, path, digest }) => [role, path, digest]),
      ...data.map(({ source, sha256, rows }) => [`data, ${rows} rows`, source, sha256]),
    ],
  };
}
