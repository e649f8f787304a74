// From experiment.yml to settings with whole paths, and everything that is wrong with them by themselves, each with its place.

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import type { Path } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";
import { mend } from "./mend.js";
import { withPreset } from "./presets.js";
import { Problems } from "./problems.js";
import { readDocument } from "./readDocument.js";
import type { Experiment, ExperimentSettings } from "./schema.js";
import { withoutProblems } from "./settingsProblems.js";
import { wholePaths } from "./wholePaths.js";

export interface LoadOptions {
  /** Instead of the experiment's own gate. */
  readonly gate?: string | undefined;
}

/** An experiment as far as it can be read, and what is wrong with it; nothing may be done by it where anything is. */
export interface ReadExperiment {
  readonly settings: ExperimentSettings;
  readonly problems: Problems;
}

/**
 * @param experiment a path of a YAML or JSON file, or what such a file holds
 * @throws RetemperError BAD_RECIPE with every problem, each with its line
 */
export async function loadExperiment(
  experiment: string | Experiment,
  options: LoadOptions = {},
): Promise<ExperimentSettings> {
  const { settings, problems } = await readExperiment(experiment, options);
  problems.throwIfAny();
  return settings;
}

/**
 * What is wrong is left out of the settings, so that models and data can be looked at all the same.
 * @throws RetemperError BAD_RECIPE where it is no YAML, expands to too much, or is no experiment at all
 */
export async function readExperiment(
  experiment: string | Experiment,
  { gate }: LoadOptions = {},
): Promise<ReadExperiment> {
  const file = typeof experiment === "string" ? experiment : undefined;
  const document = file === undefined ? undefined : await readDocument(file, "experiment");
  const problems = new Problems({ file, document });
  const folder = file === undefined ? "." : dirname(resolve(file));
  return readValue(document ? document.value : experiment, { problems, folder, gate });
}

export interface ValueContext extends LoadOptions {
  readonly problems: Problems;
  /** That paths are relative to. */
  readonly folder: string;
  /**
   * From a path of the experiment to where that stands in the text that it was made of, such as a study's; undefined: nowhere, and
   * what is wrong there is told elsewhere. By default the path itself.
   */
  readonly placeOf?: ((path: Path) => Path | undefined) | undefined;
  /** What is not there because it was wrong, as was told. */
  readonly dropped?: readonly ("tuned" | "tune")[] | undefined;
}

/** What an experiment's text holds, as `readExperiment` reads it; problems are added to those that are known. */
export async function readValue(
  value: unknown,
  { problems, folder, gate, placeOf = (path) => path, dropped: without = [] }: ValueContext,
): Promise<ReadExperiment> {
  const { settings, faults, given, emptied } = mend(withPreset(value));
  problems.given = (path) => path;
  for (const { path, message, hint, kind } of faults) {
    const place = placeOf(path);
    if (place === undefined) continue;
    const name = place.length === 0 ? "the experiment" : pathText(place);
    problems.add(`${name}: ${message}`, "BAD_RECIPE", {
      path: place,
      hint,
      part: kind === "unknown" ? "key" : "value",
    });
  }
  problems.given = (path) => placeOf(given(path)) ?? [];
  if (settings === undefined) {
    problems.throwIfAny();
    throw new RetemperError("INTERNAL", "the experiment cannot be read");
  }
  const own = gate === undefined ? settings : { ...settings, select: { ...settings.select, gate } };
  const dropped = (key: "tuned" | "tune") => without.includes(key) || faults.some(({ path }) => path[0] === key);
  const exists = (path: string) => existsSync(resolve(folder, path));
  const sound = withoutProblems(own, problems, { dropped, exists, gateIsOption: gate !== undefined });
  const whole = await wholePaths(sound, folder);
  return { settings: emptied(whole), problems };
}
