// Checkpoints that exist in memory only: a plan is made from headers, so no file is needed.

import type { Dtype } from "../../../lib/addon/dtype.js";
import type { Checkpoint, StoredTensor } from "../../../lib/checkpoint/types.js";

export type Shapes = Readonly<Record<string, readonly number[] | readonly [Dtype, ...number[]]>>;

/** A checkpoint of one file whose tensors lie one after the other. Default dtype: F32. */
export function checkpoint(reference: string, shapes: Shapes, config: object = {}): Checkpoint {
  const tensors = new Map<string, StoredTensor>();
  let offset = 1000;
  for (const [name, given] of Object.entries(shapes)) {
    const dtype = typeof given[0] === "string" ? given[0] : "F32";
    const shape = (typeof given[0] === "string" ? given.slice(1) : given) as number[];
    const size = { F64: 8, I64: 8, F32: 4, I32: 4, BF16: 2, F16: 2 } as Partial<Record<Dtype, number>>;
    const bytes = shape.reduce((product, extent) => product * extent, size[dtype] ?? 1);
    tensors.set(name, { name, dtype, shape, file: 0, offset, bytes });
    offset += bytes;
  }
  const files = [{ path: `/models/${reference}/model.safetensors`, size: offset, inode: "1", mtimeNs: "1" }];
  return { reference, folder: `/models/${reference}`, files, tensors, config: config as Record<string, unknown> };
}

/** A language model of `layers` layers with an embedding, a final norm and, unless tied, a head. */
export function languageModel(layers: number, { dtype = "F32" as Dtype, rows = 10, head = true } = {}): Shapes {
  const shapes: Record<string, readonly [Dtype, ...number[]]> = {};
  if (head) shapes["lm_head.weight"] = [dtype, rows, 4];
  shapes["model.embed_tokens.weight"] = [dtype, rows, 4];
  for (let layer = 0; layer < layers; layer++) {
    shapes[`model.layers.${layer}.mlp.weight`] = [dtype, 3, 4];
    shapes[`model.layers.${layer}.norm.weight`] = [dtype, 4];
  }
  shapes["model.norm.weight"] = [dtype, 4];
  return shapes;
}
