// The known faults of weights and configuration, each as the model that it would make: never written, a virtual merge.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textConfig } from "../../checkpoint/families.js";
import { openMerge } from "../../generate/openModel.js";
import type { Model } from "../../generate/types.js";
import type { VirtualMerge } from "../../merge/virtualMerge.js";
import type { FloatDtypeName, Recipe } from "../../recipe/types.js";
import type { Plan } from "../plan.js";
import type { LocalSide } from "../sides/side.js";
import type { CauseName } from "../types.js";

export interface WeightTrial {
  readonly name: CauseName;
  readonly what: string;
  /** Whether it moves the numbers only a little, so that --tolerance may excuse it. */
  readonly numeric: boolean;
  readonly lambda?: number | undefined;
}

/** Trials that one opened model answers. */
export interface WeightTrials {
  readonly trials: readonly WeightTrial[];
  open(): Promise<Model>;
}

/** Trials of a side whose tensors are stored, or that lies on a line. */
export function weightTrials(side: LocalSide, plan: Plan): WeightTrials[] {
  const { stored, line } = side;
  const { threads, maxMemory, signal } = plan;
  const all: WeightTrials[] = [];
  const options = { engine: "native" as const, threads, maxMemory, signal };
  if (line !== undefined) {
    const lambdas = line.what === "adapter" ? [0, 0.5, 2, 4] : lambdaGrid(line.scale);
    const recipe = {
      merge_method: "task_arithmetic",
      base_model: line.origin,
      models: [{ model: line.end, parameters: { weight: 1 } }],
    };
    all.push({
      trials: lambdas.map((lambda) => placeTrial(line.what, lambda)),
      open: () => openMerge(recipe, { ...options, lambdas, fidelity: "linear" }),
    });
  }
  if (stored === undefined) return all;
  const alone = (more: object = {}): Recipe => ({ merge_method: "passthrough", models: [{ model: stored }], ...more });
  for (const [what, edit] of configEdits(side)) {
    all.push({
      trials: [{ name: "rope", what, numeric: false }],
      open: () => openMerge(alone(), options, (merge) => withConfig(merge, edit)),
    });
  }
  const head = [...side.checkpoint.tensors.keys()].find((name) => /(^|\.)lm_head\.weight$/.test(name));
  if (head !== undefined) {
    all.push({
      trials: [{ name: "tied-head", what: "uses the embedding in the place of lm_head.weight", numeric: false }],
      open: () =>
        openMerge(alone(), options, async (merge) => {
          const tied = await withConfig(merge, (config) => ({ ...config, tie_word_embeddings: true }));
          return { ...tied, tensors: tied.tensors.filter(({ name }) => name !== head) };
        }),
    });
  }
  for (const dtype of ["bfloat16", "float16"] satisfies FloatDtypeName[]) {
    all.push({
      trials: [{ name: "dtype", what: `has its weights rounded to ${dtype}`, numeric: true }],
      open: () => openMerge(alone({ out_dtype: dtype }), { ...options, fidelity: "exact" }),
    });
  }
  return all;
}

function placeTrial(what: "adapter" | "fine-tuned model", lambda: number): WeightTrial {
  if (what === "fine-tuned model") {
    return { name: "other-lambda", what: `is the merge at lambda ${lambda}`, numeric: false, lambda };
  }
  const name = lambda === 0 ? "adapter-not-applied" : lambda === 2 ? "adapter-applied-twice" : "adapter-scale";
  const how =
    lambda === 0
      ? "runs without the adapter"
      : `has the adapter's change ${lambda === 2 ? "twice" : `${lambda} times`}`;
  return { name, what: how, numeric: false, lambda };
}

function lambdaGrid(own: number): number[] {
  const grid = Array.from({ length: 11 }, (_, at) => at / 10);
  return grid.filter((lambda) => Math.abs(lambda - own) > 0.01);
}

type Json = Readonly<Record<string, unknown>>;

/** What engines do that overlook rope's settings, and settings that a conversion loses. */
function configEdits({ checkpoint }: LocalSide): (readonly [string, (config: Json) => Json])[] {
  const own = textConfig(checkpoint.config);
  const parameters = (own.rope_parameters ?? {}) as Json;
  const theta = own.rope_theta ?? parameters.rope_theta;
  const scaled = [own.rope_scaling, own.rope_parameters].some((one) => {
    const type = (one as Json | null | undefined)?.rope_type ?? (one as Json | null | undefined)?.type;
    return type !== undefined && type !== "default";
  });
  const edits: (readonly [string, (config: Json) => Json])[] = [];
  const inner = (change: (text: Json) => Json) => (config: Json) => {
    const text = textConfig(config);
    if (text === config) return change(config);
    const key = Object.keys(config).find((name) => config[name] === text) as string;
    return { ...config, [key]: change(text) };
  };
  if (scaled) {
    const without = inner(({ rope_scaling: _, rope_parameters: __, ...text }) => ({ ...text, rope_theta: theta }));
    edits.push(["overlooks the scaling of rope", without]);
  }
  for (const base of [10_000, 500_000, 1_000_000]) {
    if (base === (theta ?? 10_000)) continue;
    const other = inner((text) => ({
      ...text,
      rope_theta: base,
      ...(text.rope_parameters !== undefined && { rope_parameters: { ...parameters, rope_theta: base } }),
    }));
    edits.push([`has rope_theta ${base}`, other]);
  }
  return edits;
}

async function withConfig(merge: VirtualMerge, edit: (config: Json) => Json): Promise<VirtualMerge> {
  const path = join(merge.folder, "config.json");
  await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, "utf8")) as Json)));
  return merge;
}
