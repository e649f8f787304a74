// The exact part of an adapter: sums of low-rank terms, whose factors are put beside each other.

import type { StoredTensor } from "../../checkpoint/types.js";
import { matrixOf } from "../../plan/parts.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { AdapterPieces, AdapterWork } from "./adapterWork.js";
import { EngineTensors } from "./engineTensors.js";
import { cutFactors, joinFactors } from "./factors.js";
import { keepFactors } from "./keepFactors.js";
import type { LowRankTensor } from "./plannedAdapter.js";
import type { Term } from "./tensorChange.js";

/** Joins the terms of every tensor that has some, and cuts them to the rank that was asked for. */
export async function joinAll(work: AdapterWork): Promise<AdapterPieces> {
  const { plan, folder, files, options } = work;
  const joined = plan.lowRank.flatMap(({ terms, ...tensor }) => (terms ? [{ ...tensor, terms }] : []));
  const pieces: AdapterPieces = { tensors: [], remainders: [], whole: [], saved: [], biases: false, bytesRead: 0 };
  if (joined.length === 0) return pieces;
  const draft = ({ checkpoint }: Term, stored: StoredTensor, weight: number): DraftTensor => ({
    name: stored.name,
    shape: stored.shape,
    compute: stored.dtype === "F64" ? "F64" : "F32",
    outDtype: "F32",
    sources: [{ parts: [{ ...files.range(checkpoint, "adapter", stored), ...matrixOf(stored.shape) }] }],
    modelKeys: [0],
    params: { op: "linear", weights: [weight], normalize: false },
    models: [],
    identical: [],
  });
  const drafts = joined.flatMap(({ terms }) =>
    terms.flatMap((term) => [draft(term, term.a, 1), draft(term, term.b, term.factor)]),
  );
  const made = await EngineTensors.write(folder, "terms", drafts, files.list, work);
  const [tensors, remainders] = [[...pieces.tensors], [...pieces.remainders]];
  let at = 0;
  for (const tensor of joined) {
    options.signal?.throwIfAborted();
    const values = await made.floats(tensor.terms.flatMap((_, term) => [at + 2 * term, at + 2 * term + 1]));
    at += 2 * tensor.terms.length;
    const terms = tensor.terms.map(({ rank }, term) => {
      return { a: values[2 * term] as Float32Array, b: values[2 * term + 1] as Float32Array, rank };
    });
    const factors = cutFactors(joinFactors(terms, outputsOf(tensor)), options);
    const kept = await keepFactors(tensor, factors, work.scratch);
    tensors.push(...kept.tensors);
    remainders.push(kept.remainder);
  }
  return { ...pieces, tensors, remainders, bytesRead: made.bytesRead };
}

function outputsOf({ terms: [term] }: LowRankTensor & { readonly terms: readonly Term[] }): number {
  return term?.b.shape[0] ?? 1;
}
