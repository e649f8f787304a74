// `inspect --compare`: what a tuning did to each tensor of the aligned model, and how that lies to what the alignment did.

import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import type { NativeCompareTensor } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import { layerOf } from "../checkpoint/families.js";
import { RetemperError } from "../errors.js";
import { ownedFolder } from "../output/ownedFolder.js";
import { parseModelReference } from "../recipe/modelReference.js";
import { effectiveRanks, NOT_FINITE } from "./effectiveRanks.js";
import { type DistanceOptions, openCompared } from "./openCompared.js";

/** How models are found and compared, and whether spectra are. */
export interface CompareTensorsOptions extends DistanceOptions {
  /** The unaligned model that the aligned one was made of. */
  readonly unaligned?: string | undefined;
  /**
   * Effective ranks of the matrices of layers, which need all of their singular values. True by default; about ten seconds
   * of one core for each change of a matrix of 2048 rows and columns, and eight times that for twice the size.
   */
  readonly ranks?: boolean | undefined;
}

/** A change of a tensor: all norms are Euclidean, over the tensor's elements. */
export interface TensorChangeFacts {
  readonly norm: number;
  /** The norm divided by that of the tensor in the aligned model; absent where this is 0. */
  readonly relative?: number;
  /**
   * Of a matrix inside of a layer: e to the entropy of the shares that the squared singular values have in their sum. 1 for
   * a change of rank 1, as much as the shorter side for one that is the same in all directions; absent where nothing changed.
   * Roy and Vetterli (EUSIPCO 2007) define it with the values' own shares; their squares let rounding count for nothing.
   */
  readonly effectiveRank?: number;
}

/** How far models lie from each other in one tensor, or in all. */
export interface ComparedChanges {
  /** Euclidean norm in the aligned model. */
  readonly norm: number;
  /** Cosine of the aligned and the fine-tuned model's values; absent where one is 0. */
  readonly cosine?: number;
  /** D = fine-tuned - aligned. */
  readonly tuning: TensorChangeFacts;
  /** V = aligned - unaligned, where there is an unaligned model. */
  readonly alignment?: TensorChangeFacts;
  /** Cosine of D and V: below 0 the tuning goes back towards the unaligned model. Absent where one is 0. */
  readonly cosineOfChanges?: number;
  /** Share of the elements changed by both that both change in the same direction; .5 where they have nothing to do with each other. */
  readonly signAgreement?: number;
}

/** One tensor that all models store. */
export interface ComparedTensor extends ComparedChanges {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of a tensor inside of a layer: which, and its name in there. */
  readonly layer?: number;
  readonly module?: string;
}

/** Models tensor by tensor. */
export interface TensorComparison {
  readonly aligned: string;
  readonly tuned: string;
  readonly unaligned?: string;
  readonly tensors: readonly ComparedTensor[];
  /** Over all of them; without effective ranks. */
  readonly total: ComparedChanges;
  /** Tensors that only some of the models store, and integer buffers: they do not count. */
  readonly leftOut: readonly string[];
}

/**
 * Compares a fine-tuned model with the aligned one tensor by tensor: D = tuned - aligned; with an unaligned model too,
 * V = aligned - unaligned. Values are those stored (base + adapter in float32), sums float64; tensors are streamed, and a
 * matrix whose effective rank is asked for is kept on the disk as float32 for that time. The same numbers for any number of threads.
 * @throws RetemperError as opening and planning a merge do; BAD_INPUT for changes that are not finite
 * @example
 * ```ts
 * import { compareTensors } from "retemper";
 *
 * const { tensors, total } = await compareTensors("models/aligned", "models/aligned+models/adapter");
 * const [most] = [...tensors].sort((a, b) => b.tuning.norm - a.tuning.norm);
 * console.log(most?.layer, (total.tuning.relative ?? 0) < 1); // 3 true
 * ```
 */
export async function compareTensors(
  aligned: string,
  tuned: string,
  options: CompareTensorsOptions = {},
): Promise<TensorComparison> {
  const { unaligned, ranks = true, signal, threads = 0 } = options;
  signal?.throwIfAborted();
  const addon = loadAddon();
  const models = [aligned, tuned, ...(unaligned === undefined ? [] : [unaligned])];
  for (const model of models) parseModelReference(model);
  const { inputs, tensors, leftOut } = await openCompared(models, options, addon);
  const listed = tensors.map(({ name, sources, shape, compute }): NativeCompareTensor => {
    return { name, sources, compute, count: elementsOf({ shape }) };
  });
  const sums = await runJob(() => addon.changes({ inputs, tensors: listed, threads }), { signal });
  for (const [at, { name }] of tensors.entries()) checkFinite(sums[at] as readonly number[], name);
  let found: readonly (readonly (number | undefined)[])[] = [];
  if (ranks) {
    const folder = await ownedFolder("retemper-compare-");
    try {
      found = await effectiveRanks(tensors, inputs, folder.path, options, addon);
    } finally {
      await folder.remove();
    }
  }
  return {
    ...{ aligned, tuned },
    ...(unaligned !== undefined && { unaligned }),
    tensors: tensors.map(({ name, shape }, at) => {
      const layer = layerOf(name);
      return {
        ...{ name, shape },
        ...(layer && { layer: layer.index, module: layer.suffix.replace(/\.weight$/, "") }),
        ...changesOf(sums[at] as readonly number[], found[at]),
      };
    }),
    total: changesOf(sums.reduce(added, [])),
    leftOut,
  };
}

/** Sums hide nothing: a NaN or an infinity among the values is one in a sum of their squares. */
function checkFinite(sums: readonly number[], tensor: string): void {
  if (sums.every(Number.isFinite)) return;
  throw new RetemperError("BAD_INPUT", "the sums over its values and changes are not finite", {
    tensor,
    hint: NOT_FINITE,
  });
}

function added(total: readonly number[], one: readonly number[]): number[] {
  return one.map((value, at) => value + (total[at] ?? 0));
}

/** @param sums as `Addon.changes` gives them @param ranks effective ranks of D and V */
function changesOf(
  [aa = 0, ff = 0, af = 0, dd = 0, vv, dv = 0, both = 0, same = 0]: readonly number[],
  ranks: readonly (number | undefined)[] = [],
): ComparedChanges {
  const change = (square: number, rank: number | undefined): TensorChangeFacts => ({
    norm: Math.sqrt(square),
    ...(aa > 0 && { relative: Math.sqrt(square / aa) }),
    ...(rank !== undefined && { effectiveRank: rank }),
  });
  const cosine = (product: number, x: number, y: number) => product / Math.sqrt(x) / Math.sqrt(y);
  return {
    norm: Math.sqrt(aa),
    ...(aa > 0 && ff > 0 && { cosine: cosine(af, aa, ff) }),
    tuning: change(dd, ranks[0]),
    ...(vv !== undefined && {
      alignment: change(vv, ranks[1]),
      ...(dd > 0 && vv > 0 && { cosineOfChanges: cosine(dv, dd, vv) }),
      ...(both > 0 && { signAgreement: same / both }),
    }),
  };
}
