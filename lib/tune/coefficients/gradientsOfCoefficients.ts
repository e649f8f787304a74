// Derivatives of a loss by one coefficient a tensor, of a model W + e D at e = 0: one way back gives all of them.

import type { Tensor2D } from "@tensorflow/tfjs-core";
import type { StoredTensor } from "../../checkpoint/types.js";
import type { RunningEngine } from "../../nn/engines/runningEngine.js";
import { weightsOf } from "../../nn/engines/runningEngine.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import { useBackend } from "../../nn/ops/useBackend.js";
import type { Parameter } from "../adapter/terms.js";
import { type Batch, batchOf, type Example } from "../data/example.js";
import { composedLoss } from "../training/composedLoss.js";
import { composedOperations } from "../training/composedOperations.js";
import { collect, layerByLayer } from "../training/gradients.js";
import type { TrainingOperations } from "../training/trainingOperations.js";
import { CoefficientRuntime } from "./coefficientRuntime.js";

export interface CoefficientModel {
  readonly spec: DecoderSpec;
  /** The model at the point where derivatives are taken, with weights that products have gradients through. */
  readonly base: RunningEngine;
  /** D as the weights of an engine on the same backend. */
  readonly delta: RunningEngine;
  /** Of D, by name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

export interface LossDerivatives {
  /** The sum of -log p over the answers' tokens. */
  readonly loss: number;
  readonly tokens: number;
  /** Of that sum by the coefficient of each tensor that both have. */
  readonly byTensor: ReadonlyMap<string, number>;
}

/**
 * dL/dc_l = <dL/dW_l, D_l> of every tensor l that the model computes with, L being the summed loss of the examples' answers.
 * @param batchSize examples that are computed at once
 * @param checkStop called before each layer: throws to end it
 * @param onBatch awaited after each batch
 */
export async function gradientsOfCoefficients(
  { spec, base, delta, tensors }: CoefficientModel,
  examples: readonly Example[],
  batchSize: number,
  checkStop: () => void,
  onBatch: (done: number) => Promise<void>,
): Promise<LossDerivatives> {
  const named = new Map<string, Parameter>();
  const parametersOf = (part: object): Parameter[] =>
    [...new Set(weightsOf(part).map(({ name }) => name))]
      .filter((name) => tensors.has(name))
      .map((name) => {
        const found = named.get(name) ?? { key: name, shape: [], values: new Float32Array(1) };
        named.set(name, found);
        return found;
      });
  const byLayer = spec.layers.map(parametersOf);
  const ofHead = parametersOf(spec.head);
  const { table, positions, scale } = spec.embed;
  parametersOf(spec.embed);
  // sums in float64
  const gradients = new Map([...named.values()].map((parameter) => [parameter, new Float64Array(1)]));
  const runtime = new CoefficientRuntime(base.runtime, delta.runtime, tensors, named);
  useBackend(base.backend);
  const composed = composedOperations(spec, runtime, checkStop);
  const operations: TrainingOperations = {
    ...composed,
    loss(x, batch, weight) {
      const others = ofHead.map((parameter) => runtime.variableOf(parameter));
      const { more, ...loss } = composedLoss(spec, runtime, x, batch, weight, others);
      collect(ofHead, more, gradients);
      return loss;
    },
  };
  const onEntering = (dy: Tensor2D, { rows }: Batch) => {
    const add = (weight: typeof table, ids: Int32Array, factor: number) => {
      const sum = gradients.get(named.get(weight.name) as Parameter);
      if (sum) sum[0] = (sum[0] as number) + factor * runtime.alongRows(dy, weight, ids);
    };
    add(table, rows.ids, scale);
    if (positions) add(positions, rows.positions, 1);
  };
  let [loss, tokens] = [0, 0];
  try {
    for (let begin = 0; begin < examples.length; begin += batchSize) {
      checkStop();
      const batch = batchOf(examples.slice(begin, begin + batchSize));
      if (batch.wanted.length > 0) {
        const layered = { layers: spec.layers.length, operations, runtime, gradients };
        useBackend(base.backend);
        loss += layerByLayer(layered, byLayer, 0, batch, 1, (dy) => onEntering(dy, batch));
        tokens += batch.wanted.length;
      }
      await onBatch(Math.min(examples.length, begin + batchSize));
    }
  } finally {
    operations.release();
    runtime.dispose();
  }
  return {
    ...{ loss, tokens },
    byTensor: new Map([...gradients].map(([{ key }, values]) => [key, values[0] as number])),
  };
}
