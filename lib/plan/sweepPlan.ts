// One native plan for several outputs that differ in numbers only: each tensor's inputs are read once and make a
// variant for each output.

import type { NativeFacts, NativePlan, NativeTensor } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import { RetemperError } from "../errors.js";
import type { BuiltPlan } from "./build.js";
import { elementSize } from "./dtypes.js";
import { ENGINE_SOURCE_BYTES, ENGINE_WORKER_BYTES } from "./estimate.js";
import { numberScales } from "./fp8/numberScales.js";
import type { DraftTensor } from "./tensors.js";

/**
 * The plan of several outputs. Their plans must come from one recipe with different numbers, and number their input
 * files alike (`PlanRequest.files`).
 * @param folders where each output's files go, in the order of `builds`
 */
export function sweepPlan(
  builds: readonly BuiltPlan[],
  folders: readonly string[],
  run: Pick<NativePlan, "seed" | "threads" | "maxMemory" | "reading" | "writing" | "fsync" | "device" | "multiGpu">,
): NativePlan {
  const [first] = builds;
  if (!first) throw new RetemperError("INTERNAL", "a sweep without outputs");
  const { shards } = first.layout;
  return {
    inputs: first.inputs,
    outputs: builds.flatMap(({ layout }, point) =>
      layout.shards.map(({ fileName, size, header }) => ({ path: `${folders[point]}/${fileName}`, size, header })),
    ),
    tensors: numberScales(
      shards.flatMap(({ placed }, shard) =>
        placed.map(({ tensor, offset }) => {
          const drafts = builds.map(({ tensors }) => tensors[tensor] as DraftTensor);
          return { draft: tensor, parts: variantsOf(drafts, (point) => point * shards.length + shard, offset) };
        }),
      ),
    ),
    ...run,
  };
}

/**
 * The outputs' versions of one tensor, together as far as they are made by one operation on the same inputs. Where some
 * are copies (lambda 0 or 1), these stand beside the others: the result is then what a single merge writes,
 * byte for byte, and the second reading finds the bytes in memory.
 */
export function variantsOf(
  drafts: readonly DraftTensor[],
  output: (point: number) => number,
  offset: number,
): NativeTensor[] {
  const groups = new Map<string, NativeTensor & { variants: NativeTensor["variants"][number][] }>();
  drafts.forEach(({ params, models: _models, identical: _identical, ...tensor }, point) => {
    if (tensor.name !== drafts[0]?.name || tensor.outDtype !== drafts[0].outDtype) {
      throw new RetemperError("INTERNAL", "the points of a sweep have different tensors", { tensor: tensor.name });
    }
    // Numbers may differ between variants; methods, modes and inputs may not. A model has one place in a slot.
    const alone = drafts.length === 1;
    const shape = alone ? "" : JSON.stringify(params, (_, value) => (typeof value === "number" ? 0 : value));
    const key = `${shape}${tensor.modelKeys.join()}`;
    const group = groups.get(key) ?? { ...tensor, variants: [] };
    groups.set(key, group);
    group.variants.push({ output: output(point), offset, params });
  });
  return [...groups.values()];
}

/** Sorts the engine's facts by output, with the variants counted again. */
export function factsByPoint(plan: NativePlan, points: number, facts: readonly NativeFacts[]): NativeFacts[][] {
  const sorted = Array.from({ length: points }, (): NativeFacts[] => []);
  const files = plan.outputs.length / points;
  let at = 0;
  for (const { variants } of plan.tensors) {
    for (const { output } of variants) {
      const fact = facts[at++];
      if (fact) sorted[Math.floor(output / files)]?.push({ ...fact, variant: 0 });
    }
  }
  return sorted;
}

/** Elements that the engine computes at once, and bins of a histogram of ranks. */
const BLOCK = 128 << 10;
const HISTOGRAM_BYTES = (1 << 16) * 4;
/** Memory for the buffers of all outputs of a pass, where no limit is given: leaves room below 512 MB for all else. */
const OUTPUT_BYTES = 256_000_000;
/** Output files that are open at once; 1024 descriptors are a usual limit of a process. */
const OPEN_FILES = 512;

export interface PassFacts {
  readonly threads: number;
  /** The caller's limit; 0 = none. */
  readonly maxMemory: number;
  /** True when the points drop different shares of the values: each then needs histograms of its own. */
  readonly ranksDiffer: boolean;
}

/** How many outputs one pass over the inputs may have, at least one. */
export function outputsPerPass({ tensors, layout }: BuiltPlan, facts: PassFacts): number {
  const { threads, maxMemory, ranksDiffer } = facts;
  const sources = largest(tensors, (tensor) => tensor.sources.length);
  const buffer = largest(tensors, blockBytes);
  const histograms = ranksDiffer ? 2 * sources * HISTOGRAM_BYTES * (threads + 2) : 0;
  const files = Math.floor(OPEN_FILES / layout.shards.length);
  // Below a limit the engine counts a worker's buffers twice, and would rather run fewer workers than break it.
  const room =
    maxMemory > 0 ? maxMemory - threads * (ENGINE_WORKER_BYTES + sources * ENGINE_SOURCE_BYTES) : OUTPUT_BYTES;
  const each = (maxMemory > 0 ? 2 * threads + 4 : threads + 4) * buffer + histograms;
  return Math.max(1, Math.min(files, Math.floor(room / each)));
}

/** Bytes of the buffers of a pass with so many outputs. */
export function passBytes({ tensors }: BuiltPlan, threads: number, outputs: number): number {
  return outputs * (threads + 4) * largest(tensors, blockBytes);
}

/** Spreading the numbers of a hundred thousand tensors would overflow the stack. */
function largest<T>(values: readonly T[], numberOf: (value: T) => number): number {
  return values.reduce((most, value) => Math.max(most, numberOf(value)), 0);
}

/** The largest block of a tensor: whole rows where the operation works row by row. */
function blockBytes({ shape, outDtype, params }: DraftTensor): number {
  const byRow =
    (params.op === "task_arithmetic" && params.sparsifier === "ranked") ||
    (params.op === "model_stock" && params.filterWise) ||
    (params.op === "nuslerp" && params.axis === "last");
  const block = byRow ? Math.max(BLOCK, shape.at(-1) ?? 1) : BLOCK;
  return Math.min(block, Math.max(1, elementsOf({ shape }))) * elementSize(outDtype);
}
