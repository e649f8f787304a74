// A decoder's operations for training out of ordinary ones of TensorFlow.js: what every backend runs.

import { BlockCache } from "../../nn/ops/blockCache.js";
import { COMPOSED_OPERATIONS } from "../../nn/ops/compositions.js";
import type { Runtime } from "../../nn/ops/runtime.js";
import type { DecoderSpec, LayerSpec } from "../../nn/ops/specs.js";
import { adamW } from "./adamW.js";
import { composedLoss } from "./composedLoss.js";
import { registerGradients } from "./registerGradients.js";
import type { TrainingOperations } from "./trainingOperations.js";

/** @param checkStop called before each layer: throws to end the training */
export function composedOperations(spec: DecoderSpec, runtime: Runtime, checkStop: () => void): TrainingOperations {
  registerGradients();
  const { embed, project, attend, output, mlp } = COMPOSED_OPERATIONS;
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
    loss: (x, batch, weight) => composedLoss(spec, runtime, x, batch, weight),
  };
}
