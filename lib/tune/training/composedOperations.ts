// A decoder's operations for training out of ordinary ones of TensorFlow.js: what every backend runs.

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
  valueAndGrad,
} from "@tensorflow/tfjs-core";
import { BlockCache } from "../../nn/ops/blockCache.js";
import { COMPOSED_OPERATIONS } from "../../nn/ops/compositions.js";
import type { DecoderSpec, LayerSpec } from "../../nn/ops/specs.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import { adamW } from "./adamW.js";
import { registerGradients } from "./registerGradients.js";
import type { Loss, TrainingOperations } from "./trainingOperations.js";

/** Rows of the head that are computed at once: logits of a large vocabulary are the largest thing there is. */
const HEAD_ROWS = 128;

/** @param checkStop called before each layer: throws to end the training */
export function composedOperations(
  spec: DecoderSpec,
  runtime: AdaptedRuntime,
  checkStop: () => void,
): TrainingOperations {
  registerGradients();
  const { embed, project, attend, output, mlp, head } = COMPOSED_OPERATIONS;
  const shape = {
    layers: spec.layers.map(({ attend: { kvHeads, headDim } }) => ({ kvHeads, headDim })),
    slots: Number.POSITIVE_INFINITY,
    tokens: Number.POSITIVE_INFINITY,
  };
  const caches: BlockCache[] = [];
  return {
    onTape: false,
    addsGradients: false,
    refresh() {},
    optimizer: adamW,
    release() {
      for (const cache of caches.splice(0)) cache.dispose();
    },
    embed: (rows) => embed({ spec: spec.embed, rows, runtime }),
    layer(x, index, rows) {
      checkStop();
      const layer = spec.layers[index] as LayerSpec;
      const cache = new BlockCache(shape);
      caches.push(cache);
      const projected = project(x, { spec: layer.project, rows, runtime });
      const attended = attend(projected, { spec: layer.attend, rows, cache, runtime });
      const y = output(attended, x, { spec: layer.output, rows, runtime });
      return mlp(y, { spec: layer.mlp, rows, runtime });
    },
    loss(x, batch, weight) {
      return tidy((): Loss => {
        let total = 0;
        let gradient: Tensor2D | undefined;
        for (let begin = 0; begin < batch.wanted.length; begin += HEAD_ROWS) {
          const wanted = batch.wanted.subarray(begin, begin + HEAD_ROWS);
          const targets = batch.targets.subarray(begin, begin + HEAD_ROWS);
          const part = (from: Tensor): Scalar => {
            const logits = head(from as Tensor2D, { spec: spec.head, rows: batch.rows, wanted, runtime });
            const said = mul(logSoftmax(logits), oneHot(tensor1d(targets, "int32"), spec.vocabulary));
            return mul(sum(said), -1) as Scalar;
          };
          if (weight === 0) {
            total += tidy(() => part(x)).dataSync()[0] as number;
            continue;
          }
          const { value, grad } = tidy(() => valueAndGrad(part)(x, scalar(weight)));
          total += value.dataSync()[0] as number;
          gradient = gradient ? add<Tensor2D>(gradient, grad) : (grad as Tensor2D);
        }
        return gradient ? { sum: total, gradient } : { sum: total };
      });
    },
  };
}
