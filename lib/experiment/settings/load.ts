// From experiment.yml to settings with whole paths, and everything that is wrong with them by themselves, each with its place.

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { isMissing } from "../../files/isMissing.js";
import { nearbyName } from "../../files/nearbyName.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { readDocuments } from "../../recipe/document.js";
import { DocumentError, type LocatedDocument } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";
import { badRecipe } from "../../recipe/problems.js";
import { mend } from "./mend.js";
import { withPreset } from "./presets.js";
import { Problems } from "./problems.js";
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
  const document = file === undefined ? undefined : await readDocument(file);
  const { settings, faults, given, emptied } = mend(withPreset(document ? document.value : experiment));
  const problems = new Problems({ file, document });
  for (const { path, message, hint, kind } of faults) {
    const name = path.length === 0 ? "the experiment" : pathText(path);
    problems.add(`${name}: ${message}`, "BAD_RECIPE", { path, hint, part: kind === "unknown" ? "key" : "value" });
  }
  problems.given = given;
  if (settings === undefined) {
    problems.throwIfAny();
    throw new RetemperError("INTERNAL", "the experiment cannot be read", { file });
  }
  const own = gate === undefined ? settings : { ...settings, select: { ...settings.select, gate } };
  const dropped = (key: "tuned" | "tune") => faults.some(({ path }) => path[0] === key);
  const folder = file === undefined ? "." : dirname(resolve(file));
  const exists = (path: string) => existsSync(resolve(folder, path));
  const sound = withoutProblems(own, problems, { dropped, exists, gateIsOption: gate !== undefined });
  const whole = await wholePaths(sound, folder);
  return { settings: emptied(whole), problems };
}

/** How large an experiment's text may be. */
const EXPERIMENT = { noun: "experiment", maxText: 2 ** 21, maxValues: 50_000 };

async function readDocument(file: string): Promise<LocatedDocument> {
  const limit = { most: 4 * EXPERIMENT.maxText, what: "an experiment", pipes: true, code: "BAD_RECIPE" } as const;
  const text = await readTextAtMost(file, limit).catch(async (error: unknown) => {
    throw await unread(error, file);
  });
  try {
    const [document, second] = readDocuments(text, EXPERIMENT);
    if (second === undefined) return document ?? { value: undefined, locate: () => undefined };
    throw new DocumentError("this file holds several documents, expected one", second.start);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw badRecipe(error.message, error.at, file, error.hint, error);
  }
}

async function unread(error: unknown, file: string): Promise<RetemperError> {
  if ((error as NodeJS.ErrnoException).code === "EISDIR") {
    const [name] = (await readdir(file).catch(() => [])).filter((one) => /^experiment.*\.(ya?ml|json)$/i.test(one));
    const hint = name === undefined ? "name the YAML file in it" : `give ${join(file, name)}`;
    return badRecipe("this is a folder, not an experiment", undefined, file, hint, error);
  }
  if (!isMissing(error)) return ioError(error, file, "cannot read the experiment");
  const near = await nearbyName(resolve(file));
  const hint =
    near === undefined
      ? "give the path of an experiment.yml; retemper init writes one"
      : `is ${join(dirname(file), near)} meant?`;
  return badRecipe("no such experiment", undefined, file, hint, error);
}
