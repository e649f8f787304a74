// The loss of a decoder's last states, and its gradient, out of ordinary operations of TensorFlow.js.

import { COMPOSED_OPERATIONS } from "../../nn/ops/compositions.js";
import type { Runtime } from "../../nn/ops/runtime.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import {
  add,
  logSoftmax,
  mul,
  oneHot,
  type Scalar,
  scalar,
  sum,
  type Tensor,
  type Tensor2D,
  tensor1d,
  tidy,
  valueAndGrads,
} from "../../nn/tensorflowCore.js";
import type { Batch } from "../data/example.js";
import type { Loss } from "./trainingOperations.js";

/** Rows of the head that are computed at once: logits of a large vocabulary are the largest thing there is. */
const HEAD_ROWS = 128;

/** A type and no interface: what `tidy` gives back must have an index. */
export type LossOfMore = Loss & {
  /** `weight` times the gradients of other tensors that the head is a function of, in their order. */
  more: Tensor[];
};

/**
 * The sum of -log p(target) over the wanted rows of x [rows, hidden], and `weight` times its gradient; none where the weight
 * is 0.
 * @param others what else gradients are wanted of: the runtime's, which the head's norm and product are made with
 */
export function composedLoss(
  spec: DecoderSpec,
  runtime: Runtime,
  x: Tensor2D,
  { rows, wanted: allWanted, targets: allTargets }: Batch,
  weight: number,
  others: readonly Tensor[] = [],
): LossOfMore {
  return tidy((): LossOfMore => {
    let total = 0;
    let gradients: Tensor[] | undefined;
    for (let begin = 0; begin < allWanted.length; begin += HEAD_ROWS) {
      const wanted = allWanted.subarray(begin, begin + HEAD_ROWS);
      const targets = allTargets.subarray(begin, begin + HEAD_ROWS);
      const part = (from: Tensor): Scalar => {
        const logits = COMPOSED_OPERATIONS.head(from as Tensor2D, { spec: spec.head, rows, wanted, runtime });
        const said = mul(logSoftmax(logits), oneHot(tensor1d(targets, "int32"), spec.vocabulary));
        return mul(sum(said), -1) as Scalar;
      };
      if (weight === 0) {
        total += tidy(() => part(x)).dataSync()[0] as number;
        continue;
      }
      const { value, grads } = tidy(() => valueAndGrads(part)([x, ...others], scalar(weight)));
      total += value.dataSync()[0] as number;
      gradients = gradients ? gradients.map((one, at) => add(one, grads[at] as Tensor)) : grads;
    }
    const [gradient, ...more] = gradients ?? [];
    return gradient ? { sum: total, gradient: gradient as Tensor2D, more } : { sum: total, more };
  });
}
