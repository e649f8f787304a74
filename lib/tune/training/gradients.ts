// Loss and gradients of one micro-batch: TensorFlow.js's own differentiation, a layer at a time. On the way forward only
// what enters each layer is kept; on the way back a layer is computed once more with its tape (Chen et al. 2016,
// arXiv:1604.06174), so memory stays near one layer's activations.

import {
  add,
  customGrad,
  grads,
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
import type { DecoderSpec, LayerSpec, Rows } from "../../nn/ops/specs.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import { type Parameter, parametersOf, type Term } from "../adapter/terms.js";
import type { Batch } from "../data/example.js";
import { type AdamSettings, adamW, type Optimized, type Optimizer } from "./adamW.js";
import { registerGradients } from "./registerGradients.js";

/** The parts of a decoder as functions that gradients flow through. */
export interface TrainingOperations {
  /** [rows, hidden] */
  embed(rows: Rows): Tensor2D;
  /** x [rows, hidden] -> [rows, hidden]. `isTaped`: gradients through it will be asked for. */
  layer(x: Tensor2D, index: number, rows: Rows, isTaped: boolean): Tensor2D;
  /**
   * The sum of -log p(target) over the wanted rows of x [rows, hidden], and `weight` times its gradient (none where the
   * weight is 0).
   */
  loss(x: Tensor2D, batch: Batch, weight: number): Loss;
  /** Frees what `layer` kept beside its result: called once gradients through it have been taken. */
  release(): void;
  /** Takes up parameters that the optimiser changed. */
  refresh(): void;
  optimizer(parameters: readonly Optimized[], settings: AdamSettings): Optimizer;
  /** Whether `loss` may run while a tape is on. */
  readonly onTape: boolean;
  /** Whether `layer` adds parameters' gradients by itself, on the way back, instead of having variables. */
  readonly addsGradients: boolean;
}

export type Loss = { sum: number; gradient?: Tensor2D };

/** Gradients of all parameters, summed over micro-batches. */
export type Gradients = ReadonlyMap<Parameter, Float32Array>;

export function noGradients(terms: readonly Term[]): Gradients {
  return new Map(
    terms.flatMap(parametersOf).map((parameter) => [parameter, new Float32Array(parameter.values.length)]),
  );
}

/** The mean loss's sum over the batch's answer tokens, without gradients. */
export function lossOf(layers: number, operations: TrainingOperations, batch: Batch): number {
  let x = tidy(() => operations.embed(batch.rows));
  for (let index = 0; index < layers; index++) {
    const next = tidy(() => operations.layer(x, index, batch.rows, false));
    x.dispose();
    operations.release();
    x = next;
  }
  const { sum: total } = operations.loss(x, batch, 0);
  x.dispose();
  return total;
}

/**
 * Adds `weight` times the gradient of the batch's summed loss to `gradients`; gives the sum.
 * @param keepActivations all layers on one tape: faster by a forward pass, for all of their activations in memory
 */
export function addGradients(
  terms: readonly Term[],
  layers: number,
  operations: TrainingOperations,
  runtime: AdaptedRuntime,
  batch: Batch,
  weight: number,
  gradients: Gradients,
  keepActivations: boolean,
): number {
  const byLayer = Array.from({ length: layers }, (_, layer) =>
    terms.filter(({ module }) => module.layer === layer).flatMap(parametersOf),
  );
  const { rows } = batch;
  const first = byLayer.findIndex((parameters) => parameters.length > 0);
  if (keepActivations && operations.onTape) return onOneTape(layers, first, operations, batch, weight);
  // what enters each layer that something is learned in or behind
  const inputs: Tensor2D[] = [];
  let x = tidy(() => operations.embed(rows));
  for (let index = 0; index < layers; index++) {
    const entering = x;
    x = tidy(() => operations.layer(entering, index, rows, false));
    operations.release();
    if (index >= first) inputs[index] = entering;
    else entering.dispose();
  }
  const { sum: total, gradient } = operations.loss(x, batch, weight);
  x.dispose();
  let dy = gradient as Tensor2D;
  for (let index = layers - 1; index >= first; index--) {
    const entering = inputs[index] as Tensor2D;
    const parameters = operations.addsGradients ? [] : (byLayer[index] as Parameter[]);
    const wanted: Tensor[] = [entering, ...parameters.map((parameter) => runtime.variableOf(parameter))];
    const results = tidy(() => grads(() => operations.layer(entering, index, rows, true))(wanted, dy));
    operations.release();
    dy.dispose();
    entering.dispose();
    dy = results.shift() as Tensor2D;
    collect(parameters, results, gradients);
  }
  dy.dispose();
  return total;
}

function onOneTape(
  layers: number,
  first: number,
  operations: TrainingOperations,
  batch: Batch,
  weight: number,
): number {
  let total = 0;
  const loss = customGrad<Scalar>((x, save) => {
    const { sum: value, gradient } = operations.loss(x as Tensor2D, batch, weight);
    total = value;
    (save as (tensors: Tensor[]) => void)([gradient as Tensor2D]);
    return { value: scalar(value * weight), gradFunc: (_: Scalar, saved: Tensor[]) => saved[0] as Tensor2D };
  });
  tidy(() => {
    let x = operations.embed(batch.rows);
    for (let index = 0; index < first; index++) x = operations.layer(x, index, batch.rows, false);
    grads(() => {
      let y = x;
      for (let index = first; index < layers; index++) y = operations.layer(y, index, batch.rows, true);
      return loss(y);
    })([x]);
  });
  operations.release();
  return total;
}

function collect(parameters: readonly Parameter[], results: readonly Tensor[], gradients: Gradients): void {
  parameters.forEach((parameter, i) => {
    const found = results[i] as Tensor;
    const to = gradients.get(parameter) as Float32Array;
    const from = found.dataSync<"float32">();
    for (let at = 0; at < to.length; at++) to[at] = (to[at] as number) + (from[at] as number);
    found.dispose();
  });
}

/** Rows of the head that are computed at once: logits of a large vocabulary are the largest thing there is. */
const HEAD_ROWS = 128;

/** Out of ordinary TensorFlow.js operations: what every backend runs. */
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
