// Tensors that an adapter keeps whole, as PEFT's modules_to_save: embeddings, heads, norms, and biases of adapted modules.

import { createReadStream } from "node:fs";
import { runJob } from "../../addon/job.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { matrixOf } from "../../plan/parts.js";
import type { DraftTensor } from "../../plan/tensors.js";
import type { AdapterPieces, AdapterWork } from "./adapterWork.js";
import type { KeptTensor } from "./assemble.js";
import { EngineTensors } from "./engineTensors.js";
import type { WholeTensor } from "./plannedAdapter.js";

const PREFIX = "base_model.model.";

/** Makes them as a written merge would have them, and leaves out what is the base's. */
export async function keepWhole(work: AdapterWork): Promise<AdapterPieces> {
  const { plan, folder, files } = work;
  if (plan.whole.length === 0)
    return { tensors: [], remainders: [], whole: [], saved: [], biases: false, bytesRead: 0 };
  const made = await EngineTensors.write(folder, "whole", plan.whole.map(draftOf), files.list, work);
  const changed = await changedOf(made, work);
  const adapted = new Set(plan.lowRank.map(({ module }) => module));
  const tensors: KeptTensor[] = [];
  const saved = new Set<string>();
  let biases = false;
  for (const [at, { draft, targets }] of plan.whole.entries()) {
    if (!changed[at]) continue;
    const { outDtype: dtype, shape } = draft;
    const [start, bytes] = [made.offset(at), made.bytes(at)];
    const read = async () => createReadStream(made.path, { start, end: start + bytes - 1 });
    for (const target of targets) {
      const dot = target.lastIndexOf(".");
      const module = target.slice(0, dot);
      const isBias = adapted.has(module);
      // PEFT puts an adapted layer aside as its "base_layer".
      const key = isBias ? `${module}.base_layer${target.slice(dot)}` : target;
      tensors.push({ name: PREFIX + key, dtype, shape, read });
      if (isBias) biases = true;
      else saved.add(module);
    }
  }
  const whole = plan.whole.flatMap(({ draft }, at) => (changed[at] ? [draft.name] : []));
  return { tensors, remainders: [], whole, saved: [...saved], biases, bytesRead: made.bytesRead };
}

/** Where one model's values are the result, they are copied and not computed. */
function draftOf({ draft, source }: WholeTensor): DraftTensor {
  const only = source === undefined ? undefined : draft.sources[source];
  if (!only) return draft;
  const params = { op: "linear", weights: [1], normalize: false } as const;
  return { ...draft, sources: [only], modelKeys: [0], params };
}

/** Whether each differs from the base's tensor. */
async function changedOf(made: EngineTensors, { plan, files, options, addon }: AdapterWork): Promise<boolean[]> {
  const inputs = [...files.list, made.input(addon)];
  const compared = plan.whole.flatMap(({ draft, stored }, at) => {
    if (!stored) return [];
    const base = { ...files.range(plan.base.checkpoint, "model", stored), ...matrixOf(stored.shape) };
    const sources = [{ parts: [made.part(at, inputs.length - 1)] }, { parts: [base] }];
    return [{ at, tensor: { name: draft.name, sources, count: elementsOf(stored) } }];
  });
  const changed = plan.whole.map(() => true);
  if (compared.length === 0) return changed;
  const { signal, threads = 0 } = options;
  const tensors = compared.map(({ tensor }) => tensor);
  const squares = await runJob(() => addon.compare({ inputs, tensors, threads }), { signal });
  for (const [index, { at }] of compared.entries()) changed[at] = squares[index]?.[0] !== 0;
  return changed;
}
