// From experiment.yml to settings with whole paths; everything that is wrong by itself is said at once.

import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { readDocuments } from "../recipe/document.js";
import { DocumentError, type LocatedDocument, type Position } from "../recipe/located.js";
import { parseGate } from "../select/gate.js";
import { nameOf } from "../select/select.js";
import type { Candidate } from "../select/types.js";
import { drawsMasks, gridOf, isOfAll, methodOf, parametersOf } from "./merges.js";
import { withPreset } from "./presets.js";
import { type Experiment, type ExperimentSettings, experimentSchema } from "./schema.js";
import { endpointProblems } from "./served.js";
import { wholePaths } from "./wholePaths.js";

export interface LoadOptions {
  /** Instead of the experiment's own gate. */
  readonly gate?: string | undefined;
}

/**
 * @param experiment a path of a YAML or JSON file, or what such a file holds
 * @throws RetemperError BAD_RECIPE with the line where it is no YAML, or expands to too much; BAD_INPUT with every problem
 */
export async function loadExperiment(
  experiment: string | Experiment,
  { gate }: LoadOptions = {},
): Promise<ExperimentSettings> {
  const file = typeof experiment === "string" ? experiment : undefined;
  const document = file === undefined ? undefined : await readDocument(file);
  const parsed = experimentSchema.safeParse(withPreset(document ? document.value : experiment));
  if (!parsed.success) throw misshapen(parsed.error.issues, document, file);
  const given = await wholePaths(parsed.data, file === undefined ? "." : dirname(resolve(file)));
  const settings = gate === undefined ? given : { ...given, select: { ...given.select, gate } };
  const problems = problemsOf(settings);
  if (problems.length > 0) throw wrong(problems, file);
  return settings;
}

export function wrong(problems: readonly string[], file?: string, at?: Position): RetemperError {
  const [only, ...others] = problems;
  const text = others.length === 0 ? (only ?? "") : `${problems.length} problems:\n- ${problems.join("\n- ")}`;
  return new RetemperError("BAD_INPUT", text, {
    file,
    ...at,
    hint: "retemper init writes an experiment with a comment on every line",
  });
}

/** What is not as the schema wants it, in the order of the text, each with its place; what a preset says has none. */
function misshapen(
  issues: readonly z.core.$ZodIssue[],
  document: LocatedDocument | undefined,
  file: string | undefined,
): RetemperError {
  const found = issues.map((issue) => {
    const [key] = issue.code === "unrecognized_keys" ? issue.keys : [];
    const at = key === undefined ? document?.locate(issue.path) : document?.locate([...issue.path, key], "key");
    return { at, text: `${issue.path.join(".") || "the experiment"}: ${issue.message}` };
  });
  const order = ({ at }: { at: Position | undefined }) => (at ? at.line * 1e6 + at.column : 0);
  const sorted = found.sort((a, b) => order(a) - order(b));
  const first = sorted[0]?.at;
  const texts = sorted.map(({ at, text }) =>
    at === undefined || sorted.length === 1 ? text : `line ${at.line}: ${text}`,
  );
  return wrong(texts, file, first);
}

/** How large an experiment's text may be. */
const EXPERIMENT = { noun: "experiment", maxText: 2 ** 21, maxValues: 50_000 };

async function readDocument(file: string): Promise<LocatedDocument> {
  const limit = { most: 4 * EXPERIMENT.maxText, what: "an experiment", pipes: true };
  const text = await readTextAtMost(file, limit).catch((error: Error) => {
    if (error instanceof RetemperError) throw error;
    throw new RetemperError("BAD_INPUT", error.message, { file, hint: "give an experiment.yml", cause: error });
  });
  try {
    const [document, second] = readDocuments(text, EXPERIMENT);
    if (second === undefined) return document ?? { value: undefined, locate: () => undefined };
    throw new DocumentError("this file holds several documents, expected one", second.start);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const { message, at, hint } = error;
    throw new RetemperError("BAD_RECIPE", message, { file, ...at, hint, cause: error });
  }
}

function problemsOf(settings: ExperimentSettings): string[] {
  const { tuned, tune, extrapolate, methods, select } = settings;
  const problems: string[] = [];
  if ((tuned === undefined) === (tune === undefined))
    problems.push("give either tuned or tune: where do tuned models come from?");
  for (const value of repeated(tune?.seeds ?? [])) problems.push(`tune.seeds holds ${value} twice`);
  for (const { seed, model, adapter } of tuned ?? []) {
    if ((model === undefined) === (adapter === undefined))
      problems.push(`tuned seed ${seed}: give either model or adapter`);
  }
  for (const seed of repeated((tuned ?? []).map((one) => String(one.seed)))) {
    problems.push(`tuned seed ${seed} occurs twice`);
  }
  const grids = [
    settings.lambda,
    ...methods.flatMap((one) => (typeof one === "string" ? [] : [one.lambda ?? []])),
  ].flat();
  const outside = [...new Set(grids.filter((value) => value < 0 || value > 1))];
  if (outside.length > 0 && !extrapolate) {
    problems.push(`lambda ${outside.join(", ")} is outside of 0 to 1: write extrapolate: true if that is meant`);
  }
  const seen = new Set<string>();
  for (const one of methods) {
    const [method, parameters] = [methodOf(one), parametersOf(one)];
    if (typeof one !== "string" && one.masks !== undefined && (isOfAll(one) || !drawsMasks(method))) {
      problems.push(`${method}${isOfAll(one) ? " over all tuned models" : ""} draws no masks: leave masks out`);
    }
    if (isOfAll(one) && typeof one !== "string" && one.lambda !== undefined) {
      problems.push(`${method} over all tuned models has no lambda`);
    }
    for (const lambda of isOfAll(one) ? [undefined] : gridOf(one, settings)) {
      const name = nameOf({ method, lambda, parameters } as Candidate);
      if (seen.has(name)) problems.push(`${name} is asked for twice`);
      seen.add(name);
    }
  }
  if (settings.engine?.endpoint) problems.push(...endpointProblems(settings));
  if (select.corrected && settings.safety.calibration === undefined) {
    problems.push("select.corrected needs safety.calibration: labelled answers that say how often the judge errs");
  }
  if (select.gate !== undefined) {
    try {
      parseGate(select.gate);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems;
}

/** What occurs more than once, each once. */
function repeated<T>(values: readonly T[]): Set<T> {
  const seen = new Set<T>();
  return new Set(values.filter((one) => seen.has(one) || !seen.add(one)));
}
