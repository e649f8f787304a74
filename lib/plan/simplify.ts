// Operations whose result is one of their operands: the engine then copies its bytes instead of computing them,
// so that a lambda of exactly 0 or 1 gives a model back bit for bit, whatever infinities the other one holds.

import type { NativeParams, NativeSource } from "../addon/nativePlan.js";

export interface Operation {
  readonly params: NativeParams;
  /** Indices of the sources that it needs. */
  readonly keep: readonly number[];
}

const one = (index: number): Operation => ({ params: { op: "linear", weights: [1], normalize: false }, keep: [index] });

/** @param count number of sources */
export function simplify(params: NativeParams, count: number): Operation {
  const whole: Operation = { params, keep: Array.from({ length: count }, (_, index) => index) };
  switch (params.op) {
    case "linear": {
      const used = params.weights.flatMap((weight, index) => (weight === 0 ? [] : [index]));
      const [index] = used;
      if (used.length !== 1 || index === undefined) return whole;
      const weight = params.normalize ? 1 : (params.weights[index] ?? 1);
      return { params: { op: "linear", weights: [weight], normalize: false }, keep: [index] };
    }
    case "slerp":
      if (params.t === 0) return one(0);
      return params.t === 1 ? one(1) : whole;
    case "task_arithmetic": {
      const nothing = params.lambda === 0 || params.weights.every((weight) => weight === 0);
      return nothing ? one(0) : whole;
    }
    case "karcher":
      return count === 1 ? one(0) : whole;
    case "multislerp":
      // Between one model and nothing there is no path, whatever its weight.
      return count === 1 + Number(params.hasBase) ? one(count - 1) : whole;
    default:
      return whole;
  }
}

/** True when an operation would write exactly the stored bytes of its one source. */
export function isCopy({ params, keep }: Operation, source: NativeSource | undefined, outDtype: string): boolean {
  if (params.op !== "linear" || keep.length !== 1 || params.normalize || params.weights[0] !== 1) return false;
  const [part, ...others] = source?.parts ?? [];
  if (!source || !part || others.length > 0 || source.gather) return false;
  return part.dtype === outDtype && !part.encoding && !part.castTo && !part.lowRank && !part.add;
}
