// From experiment.yml to settings with whole paths; everything that is wrong by itself is said at once.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { RetemperError } from "../errors.js";
import { parseGate } from "../select/gate.js";
import { type Experiment, type ExperimentSettings, experimentSchema } from "./schema.js";

/**
 * @param experiment a path of a YAML or JSON file, or what such a file holds
 * @throws RetemperError BAD_INPUT with every problem
 */
export async function loadExperiment(experiment: string | Experiment): Promise<ExperimentSettings> {
  const file = typeof experiment === "string" ? experiment : undefined;
  const parsed = experimentSchema.safeParse(file === undefined ? experiment : await readDocument(file));
  if (!parsed.success) {
    throw wrong(
      parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the experiment"}: ${message}`),
      file,
    );
  }
  const settings = withPaths(parsed.data, file === undefined ? "." : dirname(resolve(file)));
  const problems = problemsOf(settings);
  if (problems.length > 0) throw wrong(problems, file);
  return settings;
}

export function wrong(problems: readonly string[], file?: string): RetemperError {
  const [only, ...others] = problems;
  const text = others.length === 0 ? (only ?? "") : `${problems.length} problems:\n- ${problems.join("\n- ")}`;
  return new RetemperError("BAD_INPUT", text, {
    file,
    hint: "retemper init writes an experiment with a word on every line",
  });
}

async function readDocument(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new RetemperError("BAD_INPUT", error.message, { file, hint: "give an experiment.yml", cause: error });
  });
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    const { line, col: column } = error.linePos?.[0] ?? {};
    throw new RetemperError("BAD_INPUT", error.message, { file, line, column });
  }
  return document.toJS({ maxAliasCount: 100 });
}

/** Paths that exist beside the experiment become whole; other names are left, such as those of the hub. */
function withPaths(settings: ExperimentSettings, folder: string): ExperimentSettings {
  const path = (text: string) => {
    const place = resolve(folder, text);
    return existsSync(place) ? place : text;
  };
  const model = (text: string) => text.split("+").map(path).join("+");
  const suite = (words: readonly string[]) =>
    words.map((word) => word.replace(/^([^:]+:)(?!\/\/)(.+)$/s, (_, head: string, data: string) => head + path(data)));
  const { safety, task, tuned, tune } = settings;
  return {
    ...settings,
    aligned: model(settings.aligned),
    ...(tuned && {
      tuned: tuned.map((one) => ({
        ...one,
        ...(one.model !== undefined && { model: model(one.model) }),
        ...(one.adapter !== undefined && { adapter: path(one.adapter) }),
      })),
    }),
    ...(tune && { tune: { ...tune, data: path(tune.data) } }),
    safety: { ...safety, sets: suite(safety.sets), ...(safety.test && { test: suite(safety.test) }) },
    task: { ...task, validation: suite(task.validation), test: suite(task.test) },
  };
}

function problemsOf(settings: ExperimentSettings): string[] {
  const { tuned, tune, extrapolate, methods, select } = settings;
  const problems: string[] = [];
  if ((tuned === undefined) === (tune === undefined))
    problems.push("give either tuned or tune: where do tuned models come from?");
  for (const { seed, model, adapter } of tuned ?? []) {
    if ((model === undefined) === (adapter === undefined))
      problems.push(`tuned seed ${seed}: give either model or adapter`);
  }
  const seeds = (tuned ?? []).map(({ seed }) => String(seed));
  for (const seed of new Set(seeds.filter((one, at) => seeds.indexOf(one) !== at))) {
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
  for (const one of methods) {
    if (typeof one === "string") continue;
    const all = (one.over ?? (one.method === "model_stock" ? "all" : "each")) === "all";
    if (all && one.lambda !== undefined) problems.push(`${one.method} over all tuned models has no lambda`);
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
