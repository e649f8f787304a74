// A look at each task of a run: how long answers are, and how long they take.

import { openModel } from "../../generate/openModel.js";
import type { TextGenerator } from "../../generate/types.js";
import { type TunedModel, wholeModel } from "../candidates/merges.js";
import type { Checked } from "../checks/checked.js";
import { choosingWeights, engineOf, nativeOptions } from "../settings/engineOf.js";
import { modelParts } from "../settings/modelParts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Speeds } from "./planCosts.js";
import { probeTask, type TaskCost } from "./probe.js";

export type Probes = Speeds["probes"];

/** Seconds that all looks at a model together may take, about. */
const BUDGET = 12;

/** One look for each task by its name: the halves of a set, and its parts by seed, are alike. */
export async function probeTasks(
  model: TextGenerator,
  { safety, safetyTest, validation, test, skills = [], skillsTest = [] }: Checked["tasks"],
  signal: AbortSignal | undefined,
): Promise<Probes> {
  const all = new Map(
    [...skillsTest, ...skills, ...test, ...validation, ...safetyTest, ...safety].map((task) => [task.name, task]),
  );
  const probes = new Map<string, TaskCost>();
  for (const [name, task] of all) {
    const cost = await probeTask(model, task, { budget: BUDGET / all.size, signal });
    if (cost) probes.set(name, cost);
  }
  return probes;
}

/**
 * A tuned model may answer more briefly than the aligned one, and merges lie between the two: the mean of both is what an answer is
 * taken to have.
 * @param probes of the aligned model
 */
export async function withTuned(
  probes: Probes,
  { model }: TunedModel,
  settings: ExperimentSettings,
  { tasks, engine }: Pick<Checked, "tasks" | "engine">,
  signal: AbortSignal | undefined,
): Promise<Probes> {
  const isWhole = modelParts(model).length === 1;
  // other engines run an adapter only as a model that was written
  if (probes.size === 0 || !(isWhole || engine === "native")) return probes;
  const open = isWhole
    ? await openModel(model, { ...engineOf(settings), ...choosingWeights(settings), signal })
    : await openModel(wholeModel(model), { ...nativeOptions(settings), engine: "native", fidelity: "linear", signal });
  try {
    const tuned = await probeTasks(open, tasks, signal);
    return new Map(
      [...probes].map(([name, cost]) => {
        const other = tuned.get(name) ?? cost;
        return [name, { ...cost, tokens: (cost.tokens + other.tokens) / 2 }];
      }),
    );
  } finally {
    await open.close();
  }
}

/**
 * How fast the aligned model is as it is stored, where others than these weights choose: items that confirm are asked so.
 * @param probes in the weights that choose: answers are as long
 * @returns undefined where nothing else was probed
 */
export async function asStored(
  probes: Probes,
  settings: ExperimentSettings,
  tasks: Checked["tasks"],
  signal: AbortSignal | undefined,
): Promise<Speeds | undefined> {
  if (probes.size === 0 || choosingWeights(settings).weights === undefined) return undefined;
  const started = performance.now();
  const model = await openModel(settings.aligned, { ...engineOf(settings), signal });
  try {
    const secondsToOpen = (performance.now() - started) / 1000;
    const stored = await probeTasks(model, tasks, signal);
    return {
      secondsToOpen,
      probes: new Map(
        [...stored].map(([name, cost]) => [name, { ...cost, tokens: probes.get(name)?.tokens ?? cost.tokens }]),
      ),
    };
  } finally {
    await model.close();
  }
}
