// From study.yml to the experiments that it is made of, with everything that is wrong told by its place in the study's text.

import { dirname, resolve } from "node:path";
import { readValue } from "../../experiment/settings/load.js";
import { ELSEWHERE, mendBy } from "../../experiment/settings/mend.js";
import { Problems } from "../../experiment/settings/problems.js";
import { readDocument } from "../../experiment/settings/readDocument.js";
import type { ExperimentSettings } from "../../experiment/settings/schema.js";
import type { Path } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";
import { pairsOf } from "./expand.js";
import { type Study, studySchema } from "./schema.js";
import { addStudyProblems } from "./studyProblems.js";

/** One experiment of a study. */
export interface StudyExperiment {
  readonly task: string;
  readonly model: string;
  /** With whole paths. */
  readonly settings: ExperimentSettings;
  /** From a path of its settings to the study's text, for problems that are found later. */
  readonly given: (path: Path) => Path;
}

export interface ReadStudy {
  readonly name: string;
  readonly experiments: readonly StudyExperiment[];
  readonly problems: Problems;
  /** That paths are relative to. */
  readonly folder: string;
}

const HINT = "retemper init --study writes a study with a comment on every line";

/** Keys that belong into another mapping. */
const IN_STUDIES: Readonly<Record<string, string>> = {
  ...ELSEWHERE,
  aligned: "write it under a model: models: { name: { aligned: path } }",
  unaligned: "write it under a model, beside aligned",
  task: "write `tasks`, each by a name: tasks: { name: { validation: [...], test: [...] } }",
  model: "write `models`, each by a name: models: { name: { aligned: path } }",
  adapter: "write it under `tuned`",
  seed: "write `seeds`, a list",
};

/**
 * @param study a path of a YAML or JSON file, or what such a file holds
 * @throws RetemperError BAD_RECIPE where it is no YAML, expands to too much, or is no study at all
 */
export async function readStudy(study: string | Study): Promise<ReadStudy> {
  const file = typeof study === "string" ? study : undefined;
  const document = file === undefined ? undefined : await readDocument(file, "study");
  const folder = file === undefined ? "." : dirname(resolve(file));
  const problems = new Problems({ file, document, hint: HINT });
  const form = { schema: studySchema, elsewhere: IN_STUDIES, standIns: { models: {}, tasks: {} } };
  const { settings: text, faults, given } = mendBy(form, document ? document.value : study);
  for (const { path, message, hint, kind } of faults) {
    const name = path.length === 0 ? "the study" : pathText(path);
    problems.add(`${name}: ${message}`, "BAD_RECIPE", { path, hint, part: kind === "unknown" ? "key" : "value" });
  }
  if (text === undefined) problems.throwIfAny();
  const experiments: StudyExperiment[] = [];
  if (text === undefined) return { name: "", experiments, problems, folder };
  problems.given = given;
  for (const kind of ["models", "tasks"] as const) {
    const isTold = faults.some(({ path }) => path[0] === kind);
    if (Object.keys(text[kind]).length === 0 && !isTold) {
      problems.add(`${kind}: give at least one`, "BAD_RECIPE", { path: [kind] });
    }
  }
  addStudyProblems(text, problems);
  // what is wrong with the tunings is told; they are no tunings of any experiment
  const dropped = (["tuned", "tune"] as const).filter((key) => problems.touches([key]));
  const sound = { ...text, ...Object.fromEntries(dropped.map((key) => [key, undefined])) };
  for (const { task, model, named, experiment, placeOf } of pairsOf(sound)) {
    const back = (path: Path) => {
      const place = placeOf(path);
      return place && given(place);
    };
    const { settings } = await readValue(experiment, { problems, folder, placeOf: back, dropped });
    if (named) experiments.push({ task, model, settings, given: problems.given });
  }
  return { name: text.name, experiments, problems, folder };
}
