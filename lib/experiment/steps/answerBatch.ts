// Asks a model, or a merge at all of its lambdas at once, what the store does not hold. A merge that is only measured is not
// written, where the engine can run it so; else each lambda is written into the step's folder, asked, and removed.

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { askTasks, unanswered } from "../../evaluate/run/askTasks.js";
import type { EvaluateProgress } from "../../evaluate/run/progress.js";
import type { Task } from "../../evaluate/types.js";
import { openModel } from "../../generate/openModel.js";
import type { Model, TextGenerator } from "../../generate/types.js";
import { merge } from "../../merge/merge.js";
import type { Recipe } from "../../recipe/types.js";
import { openVirtual, straightShareOf, type VirtualMergeSource } from "../candidates/openVirtual.js";
import { engineOf, nativeOptions } from "../settings/engineOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { StoreJournal } from "../store/storeJournal.js";
import type { KeptModels } from "./keptModels.js";
import { typed } from "./mergeBatch.js";
import { openServed, type ServedNames } from "./served.js";
import type { Step, StepContext, StepFacts } from "./step.js";
import type { Subject } from "./subjects.js";

export interface AskingParts {
  readonly settings: Pick<ExperimentSettings, "engine" | "aligned">;
  /** Whether merges run without being written. */
  readonly virtual: boolean;
  readonly bytesOfMerge: number;
  readonly served?: ServedNames | undefined;
  readonly kept: KeptModels;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
}

/** One lambda or variant that is to be asked. */
export interface Target {
  readonly step: Step;
  readonly lambda: number | undefined;
  readonly variant?: number | undefined;
  readonly journal: StoreJournal;
}

/** Does the answers of some steps, which are lambdas or variants of one subject. @returns for each of `targets` */
export async function askSubject(
  subject: Subject,
  tasks: readonly Task[],
  targets: readonly Target[],
  parts: AskingParts,
  context: StepContext,
): Promise<StepFacts[]> {
  for (const { journal, step } of targets) {
    await journal.refresh();
    journal.asking(step.key);
  }
  const missing = targets.filter(({ journal }) => tasks.some((task) => unanswered(task, journal) > 0));
  const bytes = missing.length > 0 ? await askMissing(subject, tasks, missing, parts, context) : new Map();
  return targets.map(({ step, journal }) => {
    const failed = tasks.reduce((sum, task) => sum + unanswered(task, journal), 0);
    return {
      newTokens: journal.newTokens(step.key),
      bytesWritten: bytes.get(step.key) ?? 0,
      ...(failed > 0 && { failed }),
    };
  });
}

async function askMissing(
  subject: Subject,
  tasks: readonly Task[],
  targets: readonly Target[],
  { settings, virtual, bytesOfMerge, served, kept, onProgress }: AskingParts,
  { signal, folderOf }: StepContext,
): Promise<ReadonlyMap<string, number>> {
  const none = new Map<string, number>();
  const ask = async (model: TextGenerator, asked: readonly Target[], straightShare?: number) => {
    const { lambdas: _, variants: _variants, ...engine } = model.facts;
    for (const { journal } of asked) journal.opened({ engine, ...(straightShare !== undefined && { straightShare }) });
    try {
      await askTasks(model, tasks, asked, { seed: 0, signal, onProgress });
    } finally {
      for (const { journal } of asked) journal.sync();
    }
  };
  if (subject.kind === "served") {
    const endpoint = openServed(served as ServedNames, subject.served);
    return closing(endpoint, () => ask(endpoint, targets)).then(() => none);
  }
  if (subject.kind === "folder") {
    const { folder, weights } = subject;
    const model = await openModel(folder, { ...engineOf(settings as ExperimentSettings), weights, signal });
    return closing(model, () => ask(model, targets)).then(() => none);
  }
  const { recipe, maskSeed, variants: all, form, weights } = subject;
  if (virtual && !form) {
    const fidelity = settings.engine?.fidelity;
    const opening = (at: MergeParts, options: { readonly signal?: AbortSignal | undefined }) =>
      openVirtual(
        { recipe, maskSeed, ...at },
        bytesOfMerge,
        { ...nativeOptions(settings as ExperimentSettings), weights, ...options },
        fidelity === "exact",
      );
    const lambdas = targets.flatMap(({ lambda }) => lambda ?? []);
    const variants = all && targets.map(({ variant }) => all[variant as number] as Recipe);
    const once = () => opening({ ...(lambdas.length > 0 && { lambdas }), ...(variants && { variants }) }, { signal });
    const { grid } = subject;
    const count = (grid?.lambdas ?? grid?.variants ?? [recipe]).length;
    const opened =
      grid === undefined
        ? once()
        : kept.use(JSON.stringify([recipe, maskSeed, grid, weights]), count * bytesOfMerge, {
            open: () => opening(grid, {}),
            once,
          });
    let asked = 0;
    for await (const { model, ...open } of opened) {
      const own = targetsIn(open, targets, all);
      await ask(model, own, straightShareOf(model));
      asked += own.length;
    }
    if (asked !== targets.length) throw new Error(`${targets.length} merges were to be asked, and ${asked} were`);
    return none;
  }
  const written = new Map<string, number>();
  for (const target of targets) {
    const place = join(await folderOf(target.step), "model");
    const { lambda, variant } = target;
    // one that a killed run left is whole
    const { dtype, ...format } = form ?? {};
    const made = await merge(typed(variant === undefined ? recipe : (all?.[variant] as Recipe), dtype), place, {
      ...{ ...format, lambda, seed: maskSeed, signal },
      ...{ force: existsSync(place), writeModelCard: false },
    });
    const model = await openModel(made.out, { ...engineOf(settings as ExperimentSettings), weights, signal });
    // the model says it is the folder, and no lambda of it
    const alone = { ...target, lambda: undefined, variant: undefined };
    await closing(model, () => ask(model, [alone], made.tensors.straightShare));
    await rm(place, { recursive: true, force: true });
    written.set(target.step.key, made.bytesWritten);
  }
  return written;
}

type MergeParts = Pick<VirtualMergeSource, "lambdas" | "variants">;

/** Those that an open merge answers for; the place of a variant is that among the open ones. */
function targetsIn(
  { lambdas, variants }: MergeParts,
  targets: readonly Target[],
  all: readonly Recipe[] = [],
): readonly Target[] {
  if (!variants) return lambdas ? targets.filter(({ lambda }) => lambdas.includes(lambda as number)) : targets;
  const places = new Map(variants.map((one, place) => [JSON.stringify(one), place]));
  return targets.flatMap((target) => {
    const variant = places.get(JSON.stringify(all[target.variant as number]));
    return variant === undefined ? [] : [{ ...target, variant }];
  });
}

async function closing(model: Pick<Model, "close">, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await model.close();
  }
}
