// Attention as ordinary ops: query and key norms, rotary embedding, then for each group of sequences two batched products
// with what the cache holds of them.

import {
  add,
  concat,
  div,
  gather,
  matMul,
  mul,
  reshape,
  slice,
  softmax,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tanh,
  transpose,
} from "@tensorflow/tfjs-core";
import { RetemperError } from "../../errors.js";
import { BlockCache, type Part } from "./blockCache.js";
import type { AttendAttributes } from "./kernels.js";
import { normalise } from "./norm.js";
import { rotate } from "./rotate.js";
import type { AttendSpec } from "./specs.js";
import type { Group } from "./step.js";

/** x [rows, (heads + 2 kvHeads) * headDim] -> [rows, heads * headDim]; appends to the cache, which must be a BlockCache. */
export function attend(x: Tensor2D, { spec, rows, cache, runtime }: AttendAttributes): Tensor2D {
  if (!(cache instanceof BlockCache)) {
    throw new RetemperError("INTERNAL", "attention's composition was given the cache of another engine");
  }
  const { heads, kvHeads, headDim } = spec;
  const count = rows.ids.length;
  const step = cache.step(rows);
  const all: Tensor3D = reshape(x, [count, heads + 2 * kvHeads, headDim]);
  const part = (begin: number, size: number, of = all) => slice(of, [0, begin, 0], [count, size, headDim]);

  const { queryNorm, keyNorm } = spec;
  const normed =
    queryNorm && keyNorm
      ? concat(
          [
            normalise(part(0, heads), queryNorm, runtime, rows.variants),
            normalise(part(heads, kvHeads), keyNorm, runtime, rows.variants),
          ],
          1,
        )
      : part(0, heads + kvHeads);
  const turned = spec.rope ? rotate(normed, step.turns(spec.rope)) : normed;
  const queries = mul<Tensor3D>(part(0, heads, turned), spec.scale);
  const keys = part(heads, kvHeads, turned);
  const values = part(heads + kvHeads, kvHeads);

  const results = step.groups.map((group) => {
    const parts = cache.extend(spec.layer, group, byHead(keys, group), byHead(values, group));
    return attendGroup(byHead(queries, group), parts, group, spec);
  });
  const joined = results.length === 1 ? (results[0] as Tensor2D) : concat(results, 0);
  const restore = step.restore();
  return restore ? gather(joined, restore) : joined;
}

/** A group's rows of [rows, heads, headDim] as [runs, heads, width, headDim]. */
function byHead(x: Tensor3D, group: Group): Tensor4D {
  const [, heads, headDim] = x.shape;
  const index = group.index();
  const rows = index ? gather(x, index) : x;
  const runs = group.runs.length;
  if (group.width === 1) return reshape(rows, [runs, heads, 1, headDim]);
  return transpose(reshape(rows, [runs, group.width, heads, headDim]), [0, 2, 1, 3]) as Tensor4D;
}

/** queries [runs, heads, width, headDim] -> [runs * width, heads * headDim]: softmax(q k + mask) v (Vaswani et al. 2017). */
function attendGroup(queries: Tensor4D, parts: readonly Part[], group: Group, spec: AttendSpec): Tensor2D {
  const { heads, kvHeads, headDim, softcap, window } = spec;
  const runs = group.runs.length;
  const { width } = group;
  // the heads that share keys and values are rows of one product
  const grouped: Tensor4D = reshape(queries, [runs, kvHeads, (heads / kvHeads) * width, headDim]);
  const products = parts.map((part) => matMul(grouped, part.keys, false, true) as Tensor4D);
  const raw = products.length === 1 ? (products[0] as Tensor4D) : concat(products, 3);
  const capped = softcap === undefined ? raw : mul<Tensor4D>(tanh(div(raw, softcap)), softcap);

  const mask = group.mask(window);
  const total = capped.shape[3];
  const scores = mask ? add(reshape(capped, [runs, heads, width, total]), mask) : capped;
  const weights: Tensor4D = reshape(softmax(scores), [runs, kvHeads, (heads / kvHeads) * width, total]);

  let begin = 0;
  const sums = parts.map((part) => {
    const size = part.keys.shape[2];
    const own = parts.length === 1 ? weights : slice(weights, [0, 0, 0, begin], [-1, -1, -1, size]);
    begin += size;
    return matMul(own, part.values) as Tensor4D;
  });
  const result = sums.length === 1 ? (sums[0] as Tensor4D) : sums.reduce((sum, next) => add(sum, next));
  if (width === 1) return reshape(result, [runs, heads * headDim]);
  const perHead = reshape(result, [runs, heads, width, headDim]);
  return reshape(transpose(perHead, [0, 2, 1, 3]), [runs * width, heads * headDim]);
}
