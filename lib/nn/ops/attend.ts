// Attention as ordinary ops: query and key norms, rotary embedding, then for each group of sequences two batched products
// with what the cache holds of them.

import { RetemperError } from "../../errors.js";
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
  tidy,
  transpose,
} from "../tensorflowCore.js";
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

/** Scores that are in memory at once, about: 64 MB of them. A long prompt's queries are taken piece by piece. */
export const MOST_SCORES = 1 << 24;

/** queries [runs, heads, width, headDim] -> [runs * width, heads * headDim]. */
export function attendGroup(
  queries: Tensor4D,
  parts: readonly Part[],
  group: Pick<Group, "mask">,
  spec: AttendSpec,
  mostScores = MOST_SCORES,
): Tensor2D {
  const [runs, heads, width, headDim] = queries.shape;
  const keys = parts.reduce((sum, part) => sum + part.keys.shape[2], 0);
  const mask = group.mask(spec.window);
  const piece = Math.max(1, Math.floor(mostScores / (runs * heads * keys)));
  const results: Tensor4D[] = [];
  for (let begin = 0; begin < width; begin += piece) {
    const size = Math.min(piece, width - begin);
    const part = <T extends Tensor4D | undefined>(of: T) =>
      (of === undefined || size === width ? of : slice(of, [0, 0, begin, 0], [-1, -1, size, -1])) as T;
    results.push(tidy(() => attendPiece(part(queries), parts, part(mask), spec)));
  }
  const result = results.length === 1 ? (results[0] as Tensor4D) : concat(results, 2);
  const ordered = width === 1 ? result : transpose(result, [0, 2, 1, 3]);
  return reshape(ordered, [runs * width, heads * headDim]);
}

/** queries [runs, heads, width, headDim] -> the same shape: softmax(cap(q k) + mask) v (Vaswani et al. 2017). */
function attendPiece(
  queries: Tensor4D,
  parts: readonly Part[],
  mask: Tensor4D | undefined,
  { heads, kvHeads, headDim, softcap }: AttendSpec,
): Tensor4D {
  const [runs, , width] = queries.shape;
  // the heads that share keys and values are rows of one product
  const grouped: Tensor4D = reshape(queries, [runs, kvHeads, (heads / kvHeads) * width, headDim]);
  const products = parts.map((part) => matMul(grouped, part.keys, false, true) as Tensor4D);
  const raw = products.length === 1 ? (products[0] as Tensor4D) : concat(products, 3);
  const capped = softcap === undefined ? raw : mul<Tensor4D>(tanh(div(raw, softcap)), softcap);

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
  return reshape(result, [runs, heads, width, headDim]);
}
