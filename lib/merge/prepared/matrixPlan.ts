// Changes of tensors as a plan whose matrices a native job makes itself, a few rows at a time: they lie nowhere.

import type { NativeInput, NativePlan } from "../../addon/nativePlan.js";
import { nativePlan } from "../../plan/build.js";
import { packShards } from "../../plan/shards.js";
import type { DraftTensor } from "../../plan/tensors.js";

/** @param inputs the files of the ranges of `drafts` */
export function matrixPlan(drafts: readonly DraftTensor[], inputs: readonly NativeInput[]): NativePlan {
  const named = drafts.map(({ outDtype, shape }, at) => ({ name: `${at}`, dtype: outDtype, shape }));
  const run = { seed: 0, threads: 0, maxMemory: 0, reading: "auto", writing: "cached", fsync: false } as const;
  return nativePlan({ tensors: drafts, inputs, layout: packShards(named, Number.MAX_VALUE) }, "", run);
}
