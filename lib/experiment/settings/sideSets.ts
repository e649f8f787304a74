// Skills and over-refusal as an experiment names them: a list of sets, or sets that choose and others that confirm.

import type { Path } from "../../recipe/located.js";
import type { ExperimentSettings } from "./schema.js";

export interface SideSets {
  readonly sets: readonly string[];
  /** Where in the experiment they stand. */
  readonly path: Path;
  /** Others that confirm; undefined: halves of the same. */
  readonly test?: readonly string[] | undefined;
  readonly testPath: Path;
}

/** No sets where the experiment has none. */
export function sideSets(
  settings: Pick<ExperimentSettings, "skills" | "overRefusal">,
  key: "skills" | "overRefusal",
): SideSets {
  const given = settings[key] ?? [];
  const testPath = [key, "test"];
  return Array.isArray(given)
    ? { sets: given, path: [key], testPath }
    : { sets: given.sets, test: given.test, path: [key, "sets"], testPath };
}

/** The same with other words in the place of its words, a list as a list. */
export function withSets(
  of: NonNullable<ExperimentSettings["skills"]>,
  change: (words: readonly string[]) => string[],
): NonNullable<ExperimentSettings["skills"]> {
  if (Array.isArray(of)) return change(of);
  return { ...of, sets: change(of.sets), ...(of.test && { test: change(of.test) }) };
}
