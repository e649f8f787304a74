// Attention by number: the mathematics of ops/attend.ts, over the same cache.

import { RetemperError } from "../../../errors.js";
import { attendGroup as attendInPieces, MOST_SCORES } from "../../ops/attend.js";
import { BlockCache, type Part } from "../../ops/blockCache.js";
import type { AttendAttributes } from "../../ops/kernels.js";
import type { Turns } from "../../ops/rotate.js";
import type { AttendSpec } from "../../ops/specs.js";
import type { Group } from "../../ops/step.js";
import { type Tensor4D, tidy } from "../../tensorflowCore.js";
import { normalise } from "./normaliseRaw.js";
import type { RawOps, RawTensor } from "./rawOps.js";
import type { TensorflowRuntime } from "./tensorflowRuntime.js";

/** x [rows, (heads + 2 kvHeads) * headDim] -> [rows, heads * headDim]; appends to the cache. Runs in an arena. */
export function attend(
  x: RawTensor,
  { spec, rows, cache }: Omit<AttendAttributes, "runtime">,
  runtime: TensorflowRuntime,
): RawTensor {
  if (!(cache instanceof BlockCache)) {
    throw new RetemperError("INTERNAL", "attention was given the cache of another engine");
  }
  const { heads, kvHeads, headDim } = spec;
  const { ops } = runtime;
  const step = cache.step(rows);
  const all = ops.reshape(x, [rows.ids.length, heads + 2 * kvHeads, headDim]);
  const [both, values] = split(ops, all, [heads + kvHeads, kvHeads]);
  const normed = normaliseHeads(both, spec, runtime);
  const turned = spec.rope ? rotate(normed, step.turns(spec.rope), headDim, ops) : normed;
  const [plain, keys] = split(ops, turned, [heads, kvHeads]);
  const queries = ops.binary("Mul", plain, spec.scale);
  const results = step.groups.map((group) => {
    const shape: [number, number, number, number] = [group.runs.length, kvHeads, group.width, headDim];
    const [newKeys, newValues] = [keys, values].map((of) =>
      ops.give<Tensor4D>(byHead(of, group, kvHeads, headDim, ops), shape),
    ) as [Tensor4D, Tensor4D];
    const parts = cache.extend(spec.layer, group, newKeys, newValues);
    return attendGroup(queries, parts, group, spec, ops);
  });
  const joined = ops.concat(results, 0);
  const restore = step.restore();
  return restore ? ops.gatherBy(joined, ops.borrow(restore).id) : joined;
}

/** Two pieces along the heads. */
function split(ops: RawOps, x: RawTensor, sizes: [number, number]): [RawTensor, RawTensor] {
  return ops.split(x, sizes, 1) as [RawTensor, RawTensor];
}

function normaliseHeads(
  both: RawTensor,
  { heads, kvHeads, queryNorm, keyNorm }: AttendSpec,
  runtime: TensorflowRuntime,
) {
  if (!queryNorm || !keyNorm) return both;
  const [queries, keys] = split(runtime.ops, both, [heads, kvHeads]);
  return runtime.ops.concat([normalise(queries, queryNorm, runtime), normalise(keys, keyNorm, runtime)], 1);
}

/** As ops/rotate.ts has it: x cos + swap(x) sin, swapping the halves of the rotated dimensions of each head. */
function rotate(x: RawTensor, { cos, sin }: Turns, headDim: number, ops: RawOps): RawTensor {
  const rotary = cos.shape[2];
  const [turning, rest] = rotary < headDim ? ops.split(x, [rotary, headDim - rotary], 2) : [x];
  const halves = ops.split(turning as RawTensor, [rotary / 2, rotary / 2], 2);
  const swapped = ops.concat(halves.toReversed(), 2);
  const turned = ops.binary(
    "AddV2",
    ops.binary("Mul", turning as RawTensor, ops.borrow(cos)),
    ops.binary("Mul", swapped, ops.borrow(sin)),
  );
  return rest ? ops.concat([turned, rest], 2) : turned;
}

/** A group's rows of [rows, heads, headDim] as [runs, heads, width, headDim]. */
function byHead(x: RawTensor, group: Group, heads: number, headDim: number, ops: RawOps): RawTensor {
  const index = group.index();
  const rows = index ? ops.gatherBy(x, ops.borrow(index).id) : x;
  const runs = group.runs.length;
  if (group.width === 1) return ops.reshape(rows, [runs, heads, 1, headDim]);
  return ops.transpose(ops.reshape(rows, [runs, group.width, heads, headDim]), [0, 2, 1, 3]);
}

/** queries [rows, heads, headDim] -> the group's [runs * width, heads * headDim]. */
function attendGroup(
  queries: RawTensor,
  parts: readonly Part[],
  group: Group,
  spec: AttendSpec,
  ops: RawOps,
): RawTensor {
  const { heads, kvHeads, headDim, softcap, window } = spec;
  const runs = group.runs.length;
  const { width } = group;
  const sizes = parts.map(({ keys }) => keys.shape[2]);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const ordered = byHead(queries, group, heads, headDim, ops);
  if (runs * heads * width * total > MOST_SCORES) {
    const given = ops.give<Tensor4D>(ordered, [runs, heads, width, headDim]);
    const composed = tidy(() => attendInPieces(given, parts, group, spec));
    return ops.reshape(ops.borrow(composed), composed.shape); // a number of its own, beside the tensor's
  }
  const shared = (heads / kvHeads) * width; // the heads that share keys and values are rows of one product
  const grouped = heads === kvHeads ? ordered : ops.reshape(ordered, [runs, kvHeads, shared, headDim]);
  const raw = ops.concat(
    parts.map(({ keys }) => ops.batchMatMul(grouped, ops.borrow(keys), true)),
    3,
  );
  const scores = softcap === undefined ? raw : ops.softcap(raw, softcap);
  const weights = ops.split(softmax(scores), sizes, 3);
  const result = parts
    .map(({ values }, i) => ops.batchMatMul(weights[i] as RawTensor, ops.borrow(values), false))
    .reduce((sum, next) => ops.binary("AddV2", sum, next));
  if (width === 1) return ops.reshape(result, [runs, heads * headDim]);
  const perHead = ops.reshape(result, [runs, heads, width, headDim]);
  return ops.reshape(ops.transpose(perHead, [0, 2, 1, 3]), [runs * width, heads * headDim]);

  function softmax(of: RawTensor): RawTensor {
    const mask = group.mask(window);
    if (!mask) return ops.unary("Softmax", of);
    if (width === 1) return ops.unary("Softmax", ops.binary("AddV2", of, ops.borrow(mask))); // one row a run: it broadcasts
    const masked = ops.binary("AddV2", ops.reshape(of, [runs, heads, width, total]), ops.borrow(mask));
    return ops.reshape(ops.unary("Softmax", masked), [runs, kvHeads, shared, total]);
  }
}
