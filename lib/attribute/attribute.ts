// Which parts of a model lost the refusals to a tuning, and which carry what it learned: by taking one group of tensors back at a
// time, by derivatives, and by rho.

import { join } from "node:path";
import { isOutsideOfChoice } from "../evaluate/run/outsideOfChoice.js";
import type { Task } from "../evaluate/types.js";
import { ALL } from "../experiment/candidates/point.js";
import type { Experiment } from "../experiment/settings/schema.js";
import { tunedSubject, wholeSubject } from "../experiment/steps/measureStage.js";
import { measure } from "../experiment/tables/measure.js";
import { tableItems } from "../experiment/tables/tableItems.js";
import { writeWhole } from "../files/writeWhole.js";
import {
  ATTRIBUTION_FORMAT,
  type AttributedDifference,
  type AttributedGroup,
  type AttributionResults,
} from "../report/attribution/types.js";
import type { TensorGroup } from "../search/groups.js";
import { measureMerges } from "../search/measureMerges.js";
import { modelGroups } from "../search/modelGroups.js";
import { type OpenSearch, type SearchOptions, withSearch } from "../search/openSearch.js";
import type { Quantity } from "../select/types.js";
import { pairedDifference } from "../statistics/pairedDifference.js";
import { agreementOf } from "./agreementOf.js";
import type { GradientsFound } from "./groupGradients.js";
import { groupRhos } from "./groupRhos.js";

export interface AttributeOptions extends SearchOptions {
  /** What is taken back at a time: "kinds", the attention or the MLP of a layer (the default), "layers", or "tensors". */
  readonly by?: "kinds" | "layers" | "tensors" | undefined;
  /** Whether derivatives are taken too; true by default. */
  readonly gradients?: boolean | undefined;
  /** Requests, and rows of the task, that derivatives are taken on: the first ones of each; 32 by default. */
  readonly rows?: number | undefined;
}

/**
 * Attributes what a tuning did to the layers and modules of the model, on the data that an experiment chooses by: takes one group
 * of tensors at a time back to the aligned model (all as candidates of one batch, none of them written) and measures refusals and
 * score again; and takes the derivatives of two losses by a coefficient a tensor: of the aligned model's own answers to the unsafe
 * requests, at the fine-tuned model, and of the fine-tuned model's own answers to the task, at the aligned one; and, where the experiment
 * has an unaligned model, rho of each group, as Safe LoRA's gates go by. Writes
 * attribution.json and attribution.html into `out`; answers are kept there, so that a run that was stopped goes on.
 *
 * A group that matters only together with another one shows in neither: what is measured is one group at a time. The experiment is
 * one that `search` takes: its rule is constrained, and its models run here.
 * @throws RetemperError as `run` does, before anything long starts
 * @example
 * ```ts
 * import { attribute, type Experiment } from "retemper";
 *
 * const experiment: Experiment = {
 *   name: "Calls",
 *   aligned: "models/aligned",
 *   tuned: [{ seed: 42, adapter: "models/adapter" }],
 *   methods: ["linear"],
 *   safety: { sets: ["safety:requests.jsonl"], judges: [{ keyword: ["I can't help with that"] }] },
 *   task: { validation: ["exact:valid.jsonl"], test: ["exact:test.jsonl"] },
 *   decoding: { maxNewTokens: 24 },
 *   limit: 8,
 *   select: { rule: "constrained", margin: 0.2, by: "point" },
 * };
 * const { groups, restored } = await attribute(experiment, "attribution", { by: "layers", gradients: false });
 * console.log(groups.length, restored.length); // 4 4
 * ```
 */
export async function attribute(
  experiment: string | Experiment,
  out: string,
  options: AttributeOptions = {},
): Promise<AttributionResults> {
  const { by = "kinds", gradients: wantsGradients = true, rows = 32, signal, onNote } = options;
  return withSearch(experiment, out, options, async (opened): Promise<AttributionResults> => {
    const { settings, tuned, measuring, graph, labels, better } = opened;
    const models = tuned.map(({ model }) => model);
    const groups = await modelGroups(settings.aligned, models, { by, layers: Number.MAX_SAFE_INTEGER });
    const tasksOf = (tuning?: string) => measuredTasks(opened, tuning);
    const ends = await measureEnds(opened, tasksOf);
    const points = groups.map((_, at) => groups.map((_unused, other) => (other === at ? 0 : 1)));
    const { measured } = await measureMerges(
      { aligned: settings.aligned, tuned, groups, measuring, graph },
      points,
      { tasksOf, items: ends.items },
      "one group restored",
    );
    let found: GradientsFound | undefined;
    if (wantsGradients) {
      onNote?.("derivatives of the aligned and the fine-tuned model's answers");
      // what takes derivatives takes long to load
      const { groupGradients } = await import("./groupGradients.js");
      found = await groupGradients({ settings, tuned, groups, tasks: tasksOf(), rows, signal });
    }
    const { unaligned } = settings;
    if (unaligned !== undefined) onNote?.("rho of each module's change");
    const cosines =
      unaligned === undefined ? undefined : await groupRhos({ settings, unaligned, tuned, groups, signal });
    const restored = measured.map(({ asr, score }) => ({
      ...{ asr, score },
      asrChange: difference(ends.tuned.asr, asr),
      scoreChange: difference(ends.tuned.score, score),
    }));
    const results: AttributionResults = {
      ...{ format: ATTRIBUTION_FORMAT, name: settings.name, labels, better },
      seeds: tuned.map(({ seed }) => seed),
      aligned: { asr: ends.aligned.asr, score: ends.aligned.score },
      tuned: { asr: ends.tuned.asr, score: ends.tuned.score },
      groups: groups.map(placed),
      restored,
      ...(found && { gradients: found.groups, tensors: found.tensors }),
      ...(cosines?.groups && { rhos: cosines.groups }),
      agreement: agreementOf({ restored, gradients: found?.groups, rhos: cosines?.groups, better }),
      notes: [...(found?.notes ?? []), ...(cosines?.notes ?? [])],
    };
    // while the folder is ours, and before its status says that all is done
    await writeWhole(join(opened.out, "attribution.json"), `${JSON.stringify(results, null, 1)}\n`);
    const { attributionHtml } = await import("../report/attribution/attributionHtml.js");
    await writeWhole(join(opened.out, "attribution.html"), attributionHtml(results));
    return results;
  });
}

/** Sets of unsafe requests and of the task that choose; nothing that only stands beside the choice. */
function measuredTasks({ measuring }: OpenSearch, tuning?: string): readonly Task[] {
  const { only } = measuring.skillSets("validation");
  return measuring
    .tasksOf("validation", tuning)
    .filter((task) => !isOutsideOfChoice(task) && task.kind !== "over-refusal" && !only.has(task.name));
}

async function measureEnds(
  { settings, tuned, models, measuring, graph }: OpenSearch,
  tasksOf: (tuning?: string) => readonly Task[],
) {
  const aligned = measuring.measure("aligned", wholeSubject("aligned", settings, models), tasksOf(), "aligned");
  const others = tuned.map((one) => ({
    seed: one.seed,
    measurement: measuring.measure(
      `fine-tuned seed ${one.seed}`,
      tunedSubject(one, settings, models),
      tasksOf(one.seed),
      "fine-tuned",
    ),
  }));
  await graph([...aligned.batches, ...others.flatMap(({ measurement }) => measurement.batches)]);
  const [results] = (await aligned.read(undefined)).results;
  const items = tableItems(results, measuring.skillSets("validation"));
  const seeds = [];
  for (const { seed, measurement } of others) {
    const read = await measurement.read(undefined);
    seeds.push(...read.results.map((own) => ({ seed, tuning: seed, results: own })));
  }
  return {
    items,
    aligned: measure(results ? [{ seed: ALL, tuning: ALL, results }] : [], items),
    tuned: measure(seeds, items),
  };
}

function difference(before: Quantity, after: Quantity): AttributedDifference {
  const { weights, groups } = after;
  const { value, low, high } = pairedDifference(before.values ?? [], after.values ?? [], { weights, groups });
  return { value, low, high };
}

/** A group with its place in a picture of layers and modules, where each layer is by itself. */
function placed({ name, filters, layers, module }: TensorGroup): AttributedGroup {
  return { name, ...(layers && module !== undefined && { layer: layers[0], module }), filters };
}
