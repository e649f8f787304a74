// Changes that are of no low rank: the nearest product of the rank that was asked for. The engine writes changes as float32
// matrices, one or as many as take little space at a time, and the addon finds the factors of each.

import { rm } from "node:fs/promises";
import type { NativeInput } from "../../addon/nativePlan.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { StoredTensor } from "../../checkpoint/types.js";
import { matrixOf } from "../../plan/parts.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { AdapterPieces, AdapterWork, FactorRemainder } from "./adapterWork.js";
import type { KeptTensor } from "./assemble.js";
import { EngineTensors } from "./engineTensors.js";
import { factorsOf } from "./factorsOf.js";
import { keepFactors } from "./keepFactors.js";
import type { LowRankTensor } from "./plannedAdapter.js";

/** Bytes of float32 values that are written at a time, unless one matrix has more. */
const AT_ONCE = 256 << 20;

/** Factors every tensor that is no sum of terms. A tensor that does not change has no factors. */
export async function approximateAll(work: AdapterWork): Promise<AdapterPieces> {
  const { plan, options, addon, scratch, made } = work;
  const tensors: KeptTensor[] = [];
  const remainders: FactorRemainder[] = [];
  let bytesRead = 0;
  for (const group of groups(plan.lowRank.filter(({ terms }) => !terms))) {
    options.signal?.throwIfAborted();
    const changes = await changesOf(group, { ...work, made: () => {} });
    bytesRead += changes.bytesRead;
    for (const [at, tensor] of group.entries()) {
      const place = { path: changes.path, offset: changes.offset(at) };
      const factors = await factorsOf(tensor, place, options, addon);
      made(4 * elementsOf(tensor));
      if (!factors) continue;
      const kept = await keepFactors(tensor, factors, scratch);
      tensors.push(...kept.tensors);
      remainders.push(kept.remainder);
    }
    await rm(changes.path, { force: true });
  }
  return { tensors, remainders, whole: [], saved: [], biases: false, bytesRead };
}

function groups(tensors: readonly LowRankTensor[]): LowRankTensor[][] {
  const made: LowRankTensor[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    const bytes = 4 * elementsOf(tensor);
    if (filled + bytes > AT_ONCE) {
      made.push([]);
      filled = 0;
    }
    made.at(-1)?.push(tensor);
    filled += bytes;
  }
  return made;
}

/** Result - base of each tensor, as float32. One model's values are read at once; others are merged first. */
async function changesOf(group: readonly LowRankTensor[], work: AdapterWork): Promise<EngineTensors> {
  const { plan, folder, files, addon } = work;
  const base = ({ name }: LowRankTensor) => {
    const stored = plan.base.checkpoint.tensors.get(name) as StoredTensor;
    return { parts: [{ ...files.range(plan.base.checkpoint, "model", stored), ...matrixOf(stored.shape) }] };
  };
  for (const tensor of group) base(tensor); // numbers the base's files
  const merged = group.filter(({ source }) => source === undefined);
  const results = merged.map(({ draft }): DraftTensor => ({ ...draft, outDtype: "F32" }));
  const before =
    merged.length === 0 ? undefined : await EngineTensors.write(folder, "merged", results, files.list, work);
  const inputs: NativeInput[] = [...files.list, ...(before ? [before.input(addon)] : [])];
  const drafts = group.map((tensor): DraftTensor => {
    const { draft, source } = tensor;
    const own = source === undefined ? undefined : draft.sources[source];
    const result = own ?? { parts: [(before as EngineTensors).part(merged.indexOf(tensor), inputs.length - 1)] };
    return {
      ...draft,
      outDtype: "F32",
      sources: [result, base(tensor)],
      modelKeys: [0, 1],
      params: { op: "linear", weights: [1, -1], normalize: false },
    };
  });
  const changes = await EngineTensors.write(folder, "changes", drafts, inputs, work);
  if (before) await rm(before.path, { force: true });
  return changes;
}
