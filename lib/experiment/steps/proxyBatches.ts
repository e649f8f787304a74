// Steps that read the proxies of merges, before these are generated with: all lambdas of a merge in the same forward passes, on the
// items that choose and the answers that the aligned and the fine-tuned model gave to them.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import { openModel } from "../../generate/openModel.js";
import type { Recipe } from "../../recipe/types.js";
import { seriesOf } from "../../select/names.js";
import type { MergeSeries, SeedMerge, TunedModel } from "../candidates/merges.js";
import { type OpenMerge, openVirtual, type VirtualMergeSource } from "../candidates/openVirtual.js";
import { ALL } from "../candidates/point.js";
import type { Checked } from "../checks/checked.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import type { ModelDigests } from "../digests/modelDigests.js";
import { logitProxies } from "../proxies/logitProxies.js";
import {
  type AnswerTo,
  byItem,
  type ItemProxies,
  type ProxyItem,
  proxyData,
  proxyItems,
  withTexts,
} from "../proxies/proxyItems.js";
import { choosingWeights, engineOf, nativeOptions } from "../settings/engineOf.js";
import type { ProxySettings } from "../settings/proxySchema.js";
import { proxySettings } from "../settings/proxySettings.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { answerKey } from "../store/unitKeys.js";
import type { Measuring } from "./measuring.js";
import { type MergeSubject, seriesSubjects } from "./seriesMeasurement.js";
import { type Batch, defineStep, type Step } from "./step.js";
import type { StepRecords } from "./stepRecords.js";
import type { Subject } from "./subjects.js";

export interface ProxyParts {
  readonly settings: ExperimentSettings;
  readonly checked: Pick<Checked, "tasks" | "bytesOfMerge">;
  readonly models: ModelDigests;
  readonly measuring: Measuring;
  readonly records: StepRecords;
}

/** A model whose answers are read, and the steps that ask it. */
export interface AskedModel {
  readonly subject: Subject;
  readonly needs: readonly Digest<"step">[];
}

export interface ProxySources {
  readonly aligned: AskedModel;
  readonly tuned: readonly (AskedModel & Pick<TunedModel, "seed">)[];
}

/** Of one merge at one of its series' values. */
export interface ReadMerge {
  readonly series: MergeSeries;
  readonly seed: string;
  readonly value: number | undefined;
  readonly proxies: ItemProxies;
}

export interface ProxyReading {
  readonly batches: readonly Batch[];
  /** Once the batches are done. */
  read(): Promise<readonly ReadMerge[]>;
}

const FILE = "proxies.json";
const LIMIT = { most: 2 ** 26, what: "proxies of a merge" };
/** Texts an item: a refusal, a compliance, an answer, and what comes after a harmless prompt. */
const TEXTS = 4;

/** Nothing where the experiment does not ask for proxies. */
export function proxyBatches(
  series: readonly MergeSeries[],
  sources: ProxySources,
  parts: ProxyParts,
): ProxyReading | undefined {
  const wanted = proxySettings(parts.settings);
  if (!wanted) return undefined;
  const all = series.flatMap((one) => one.merges.flatMap((merge) => ofMerge(one, merge, sources, parts, wanted)));
  const label = `proxies of ${all.reduce((count, { steps }) => count + steps.length, 0)} merges`;
  return {
    batches: all.map(({ batch }) => ({ ...batch, part: label })),
    async read() {
      const found: ReadMerge[] = [];
      for (const { steps, values, series: one, seed } of all) {
        for (const [at, step] of steps.entries()) {
          const text = await readTextAtMost(join(parts.records.folderOf(step), FILE), LIMIT);
          found.push({ series: one, seed, value: values[at], proxies: JSON.parse(text) as ItemProxies });
        }
      }
      return found;
    },
  };
}

function ofMerge(
  series: MergeSeries,
  merge: SeedMerge,
  sources: ProxySources,
  { settings, checked, measuring, records }: ProxyParts,
  { rows, tokens }: ProxySettings,
) {
  const { seed = ALL, tuning } = merge;
  const { aligned } = sources;
  // a merge of all tunings is read with the answers of the first
  const tuned = sources.tuned.find((one) => one.seed === tuning) ?? sources.tuned[0];
  if (!tuned) throw new Error("there is no tuned model");
  const tasks = measuring.tasksOf("validation", tuning);
  const ofTask = new Set(checked.tasks.validation.map(({ name }) => name));
  const items = proxyItems(tasks, ({ name }) => ofTask.has(name), rows);
  const answerer = (of: AskedModel) => measuring.answerersOf(of.subject)[0]?.digest as Digest<"answerer">;
  const keyed = (of: readonly ProxyItem[]) =>
    of.map(({ task, item }) => [answerKey(task, item, 0), item.references?.[0]]);
  const inputs = {
    ...{ aligned: answerer(aligned), tuned: answerer(tuned), settings: digestOf("settings", [tokens]) },
    items: digestOf("items", Object.values(items).map(keyed)),
  };
  const answersOf = async (of: AskedModel): Promise<AnswerTo> => {
    const journal = await measuring.journal(answerer(of), tasks);
    await journal.refresh();
    return (task, item) => journal.answer(task, item, 0)?.text;
  };
  const name = `proxies of ${seriesOf(series)} seed ${seed}`;
  return seriesSubjects(series, merge, settings).map((subject, place, all) => {
    const own = all.length > 1 ? ` ${series.varied?.parameter} ${series.values?.[place]}` : "";
    const steps = measuring.answerersOf(subject).map(({ digest, name: called }) => {
      const title = `${name}${own}${called === undefined ? "" : ` ${called}`}`;
      return defineStep("proxy", title, { answerer: digest, ...inputs }, { work: tokens * TEXTS * rows });
    });
    const batch: Batch = {
      key: digestOf(
        "step",
        steps.map(({ key }) => key),
      ),
      ...{ name: `${name}${own}`, steps, needs: [...aligned.needs, ...tuned.needs] },
      intact: async (_, step) => existsSync(join(records.folderOf(step), FILE)),
      remains: async (todo) => {
        const texts = [...items.refusals, ...items.refusals, ...items.task, ...items.benign];
        const read = texts.map(({ task }) => ({ task, texts: todo.length }));
        return { read, ...choosingWeights(settings), opened: 2, units: todo.length, pending: todo.length > 0 };
      },
      work: async (todo, { signal, folderOf }) => {
        const [refused, complied] = [await answersOf(aligned), await answersOf(tuned)];
        const there = withTexts(items, refused, complied);
        const data = proxyData(there, refused, complied);
        const inBlocks = choosingWeights(settings);
        const alignedModel = await openModel(settings.aligned, { ...engineOf(settings), ...inBlocks, signal });
        try {
          const places = todo.map((step) => steps.indexOf(step));
          const source = someOf(subject, places);
          const options = { ...nativeOptions(settings), signal, ...inBlocks };
          for await (const open of openVirtual(
            source,
            checked.bytesOfMerge,
            options,
            settings.engine?.fidelity === "exact",
          )) {
            const which = candidatesOf(open, source);
            const candidates = which.map(({ candidate }) => candidate);
            const found = await logitProxies(open.model, data, { candidates, aligned: alignedModel, tokens, signal });
            for (const [at, one] of which.entries()) {
              const text = `${JSON.stringify(byItem(there, found[at] ?? {}))}\n`;
              await writeWhole(join(await folderOf(todo[one.at] as Step), FILE), text);
            }
          }
        } finally {
          await alignedModel.close();
        }
        return todo.map(() => ({ newTokens: 0, bytesWritten: 0 }));
      },
    };
    return {
      series,
      seed,
      values: all.length > 1 ? [series.values?.[place]] : (series.values ?? [undefined]),
      steps,
      batch,
    };
  });
}

/** A merge with some of its lambdas or variants, by their places. */
function someOf({ recipe, maskSeed, lambdas, variants }: MergeSubject, places: readonly number[]): VirtualMergeSource {
  return {
    ...{ recipe, maskSeed },
    ...(lambdas && { lambdas: places.map((place) => lambdas[place] as number) }),
    ...(variants && { variants: places.map((place) => variants[place] as Recipe) }),
  };
}

/** What is open, as candidates, and where each stands in the source. */
function candidatesOf({ lambdas, variants }: OpenMerge, source: VirtualMergeSource) {
  if (variants) {
    return variants.map((recipe, variant) => ({ candidate: { variant }, at: source.variants?.indexOf(recipe) ?? 0 }));
  }
  if (!lambdas) return [{ candidate: {}, at: 0 }];
  return lambdas.map((lambda) => ({ candidate: { lambda }, at: source.lambdas?.indexOf(lambda) ?? 0 }));
}
