// Writes the chosen merges, atomically and with their cards, compares them with what was measured, and tests the files.

import { join } from "node:path";
import type { WrittenModel } from "../../report/types.js";
import { candidateId, nameOf } from "../../select/names.js";
import { type MergeAt, mergeAt, type SeedMerge } from "../candidates/merges.js";
import { ALL, type EvaluatedPoint } from "../candidates/point.js";
import type { Checked } from "../checks/checked.js";
import type { Digests } from "../digests/contents.js";
import { asDigest, type Digest, digestOf } from "../digests/digestOf.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import { candidateOf } from "../settings/declaredSeries.js";
import { choosingWeights, nativeOptions } from "../settings/engineOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { measure, type SeedResults } from "../tables/measure.js";
import type { TableItems } from "../tables/tableItems.js";
import type { Calibrating } from "./calibrating.js";
import { comparedAnswers, confirm, readAgreement, writeAgreement } from "./confirm.js";
import { unlinkIfAt } from "./linkChosen.js";
import type { Measuring } from "./measuring.js";
import { mergeBatch } from "./mergeBatch.js";
import { moduleName } from "./served.js";
import { type Batch, defineStep, type Step, type StepRecord, single } from "./step.js";
import type { StepRecords } from "./stepRecords.js";
import type { Subject } from "./subjects.js";
import { weightsOf } from "./weightsOf.js";

export interface WriteStageParts {
  readonly settings: ExperimentSettings;
  readonly checked: Pick<Checked, "engine" | "bytesOfMerge">;
  readonly models: ModelDigests;
  readonly contents: Digests;
  readonly measuring: Measuring;
  readonly calibrating: Calibrating;
  readonly records: StepRecords;
  readonly out: string;
  /** Does steps. */
  readonly graph: (batches: readonly Batch[]) => Promise<ReadonlyMap<Digest<"step">, StepRecord>>;
}

/** What a plan counts what is chosen to. */
export const WRITTEN = "what is chosen, written";
export const TESTED = "what is chosen, test";

/** A merge of the table that is to be measured on the test data. */
export interface ChosenPoint {
  readonly point: EvaluatedPoint;
  /** The seeds whose merge becomes files; undefined: the merge of all. */
  readonly written: ReadonlySet<string | undefined>;
}

export interface Written {
  readonly tested: EvaluatedPoint;
  readonly outputs: readonly WrittenModel[];
}

/** One seed of a point, with its place if it is written. */
interface Output {
  readonly point: EvaluatedPoint;
  readonly merge: MergeAt;
  /** For people, and of the folder. */
  readonly words: string;
  /** From the run's folder. */
  readonly path: string;
  readonly folder: string;
  readonly step: Step;
}

/**
 * Writes chosen merges, with their cards, and measures what is chosen on the test data: a merge that is written by its files, one that is
 * not as it was measured before.
 */
export async function writeStage(
  chosen: readonly ChosenPoint[],
  items: TableItems,
  parts: WriteStageParts,
): Promise<Written[]> {
  const { graph, contents, measuring, settings, calibrating, models } = parts;
  const all = chosen.flatMap(({ point, written }) =>
    point.series.merges.map((one) => ({ ...outputOf(point, one, parts), isWritten: written.has(one.seed) })),
  );
  const records = await graph(all.filter(({ isWritten }) => isWritten).map((one) => writeBatch(one, parts)));
  const measured = [];
  for (const one of all) {
    const { merge: of, words, folder, isWritten } = one;
    const { seed = ALL, recipe, maskSeed, lambda } = of;
    const digest = isWritten ? asDigest("model", await contents.model(folder)) : undefined;
    const subject: Subject = settings.engine?.endpoint
      ? { kind: "served", served: moduleName(seed, lambda), digest: models.within(recipe) }
      : digest
        ? { kind: "folder", folder, digest }
        : { kind: "merge", recipe, maskSeed, ...(lambda !== undefined && { lambdas: [lambda] }) };
    const test = measuring.measure(`${words}, test`, subject, measuring.tasksOf("test"), TESTED);
    const comparison = digest && compareBatch(one, digest, parts);
    measured.push({ ...one, test, comparison, files: records.get(one.step.key)?.files ?? [] });
  }
  await graph(measured.flatMap(({ test, comparison }) => [...(comparison ? [comparison.batch] : []), ...test.batches]));
  const calibration = await calibrating.read();
  const found: Written[] = [];
  for (const { point } of chosen) {
    const own = measured.filter((one) => one.point === point);
    const seeds: SeedResults[] = [];
    const outputs: WrittenModel[] = [];
    for (const { merge: of, path, files, test, comparison, isWritten } of own) {
      const { seed = ALL, tuning = seed } = of;
      const { results } = await test.read(calibration);
      seeds.push(...results.map((one) => ({ seed, tuning, results: one })));
      if (!isWritten) continue;
      const agreement = comparison && (await readAgreement(parts.records.folderOf(comparison.step)));
      outputs.push({
        ...{ name: nameOf(point.measured), candidate: candidateId(point.measured) },
        ...(of.seed !== undefined && { seed: of.seed }),
        path,
        ...weightsOf({ files }),
        ...(agreement && { agreement }),
      });
    }
    const named = candidateOf(point.series, point.value);
    found.push({
      tested: { ...point, seeds, measured: { ...named, ...measure(seeds, items, point.measured.straightShare) } },
      outputs,
    });
  }
  return found;
}

function outputOf(
  point: EvaluatedPoint,
  one: SeedMerge,
  { models, out }: Pick<WriteStageParts, "models" | "out">,
): Output {
  const { measured, series, value } = point;
  const merge = mergeAt(series, one, value);
  const words = `${nameOf(measured)}${one.seed === undefined ? "" : ` seed ${one.seed}`}`.replace(" at lambda ", "-");
  const path = join("models", words.replace(/[^\w.-]+/g, "-").replace(/-+$/, ""));
  const recipe = digestOf("settings", [models.within(merge.recipe), merge.lambda, merge.maskSeed]);
  // the same weights in another folder are another output
  const step = defineStep("write", `write ${words}`, { recipe, path: digestOf("settings", path) });
  return { point, merge, words, path, folder: join(out, path), step };
}

function writeBatch({ step, path, folder, merge }: Output, parts: WriteStageParts): Batch {
  const { out, checked } = parts;
  return mergeBatch(step, folder, { merge }, parts, {
    ...{ part: WRITTEN, bytes: checked.bytesOfMerge },
    before: () => unlinkIfAt(out, path),
  });
}

/** Only where the engine that measured the virtual merge is there to be compared with, and measured it in the weights that are written. */
function compareBatch(
  { words, folder, merge: { seed, tuning, recipe, maskSeed, lambda }, point: { seeds } }: Output,
  digest: Digest<"model">,
  { settings, checked, measuring, models }: WriteStageParts,
) {
  const answered = seeds.find((one) => one.seed === (seed ?? ALL))?.results;
  if (checked.engine !== "native" || settings.engine?.endpoint || !answered || choosingWeights(settings).weights)
    return undefined;
  const { precision, cache, fidelity } = settings.engine ?? {};
  const tasks = measuring.tasksOf("validation", tuning);
  const virtual = { recipe, maskSeed, ...(lambda !== undefined && { lambdas: [lambda] }) };
  const asked = tasks.map(({ name, ask, decoding, items }) => [
    name,
    ask,
    decoding,
    items.map(({ id, prompt }) => [id, prompt]),
  ]);
  const step = defineStep("compare", `compare ${words}`, {
    ...{
      written: digest,
      virtual: digestOf("settings", [
        models.within(virtual),
        precision,
        fidelity,
        ...(cache === undefined ? [] : [cache]),
      ]),
    },
    items: digestOf("items", asked),
  });
  const batch = single(
    step,
    async ({ signal, folderOf }) => {
      const { newTokens, ...agreement } = await confirm(folder, virtual, tasks, answered, {
        ...{ bytes: checked.bytesOfMerge, exact: fidelity === "exact" },
        options: { ...nativeOptions(settings), signal },
      });
      await writeAgreement(await folderOf(step), agreement);
      return { newTokens, bytesWritten: 0 };
    },
    { part: TESTED, remains: async () => ({ answers: comparedAnswers(tasks), opened: 2, units: 1, pending: true }) },
  );
  return { step, batch };
}
