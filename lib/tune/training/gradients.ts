// Loss and gradients of one micro-batch: TensorFlow.js's own differentiation, a layer at a time. On the way forward only
// what enters each layer is kept; on the way back a layer is computed once more with its tape (Chen et al. 2016,
// arXiv:1604.06174), so memory stays near one layer's activations.

import { customGrad, grads, type Scalar, scalar, type Tensor, type Tensor2D, tidy } from "../../nn/tensorflowCore.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import { type Parameter, parametersOf, type Term } from "../adapter/terms.js";
import type { Batch } from "../data/example.js";
import type { Gradients, TrainingOperations } from "./trainingOperations.js";

/** Room for the gradients of all parameters, zeros. */
export function noGradients(terms: readonly Term[]): Gradients {
  return new Map(
    terms.flatMap(parametersOf).map((parameter) => [parameter, new Float32Array(parameter.values.length)]),
  );
}

/** A decoder that is trained: the same for all micro-batches. */
export interface Trained {
  /** How many there are. */
  readonly layers: number;
  readonly operations: TrainingOperations;
  readonly runtime: AdaptedRuntime;
  readonly terms: readonly Term[];
  /** Of all parameters; the operations may add to them by themselves. */
  readonly gradients: Gradients;
}

/** What gradients a layer at a time need of it. */
export interface Layered extends Pick<Trained, "layers" | "operations" | "gradients"> {
  readonly runtime: Pick<AdaptedRuntime, "variableOf">;
}

export interface GradientOptions {
  /** Multiplies the gradient of the summed loss. */
  readonly weight: number;
  /** All layers on one tape: faster by a forward pass, for all of their activations in memory. */
  readonly keepActivations: boolean;
}

/** The loss summed over the batch's answer tokens, without gradients. */
export function lossOf({ layers, operations }: Trained, batch: Batch): number {
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
 * Adds the weighted gradient of the batch's summed loss to the parameters' gradients.
 * @returns the summed loss
 */
export function addGradients(trained: Trained, batch: Batch, options: GradientOptions): number {
  const byLayer = parametersByLayer(trained);
  const first = byLayer.findIndex((parameters) => parameters.length > 0);
  return options.keepActivations && trained.operations.onTape
    ? onOneTape(trained, first, batch, options.weight)
    : layerByLayer(trained, byLayer, first, batch, options.weight);
}

function parametersByLayer({ layers, terms }: Trained): Parameter[][] {
  return Array.from({ length: layers }, (_, layer) =>
    terms.filter(({ module }) => module.layer === layer).flatMap(parametersOf),
  );
}

/**
 * Adds the weighted gradient of the batch's summed loss to the parameters' gradients, a layer at a time.
 * @param byLayer parameters that each layer is a function of
 * @param first the first layer in which something is learned
 * @param onEntering told the gradient of what enters that layer, which is freed after it
 * @returns the summed loss
 */
export function layerByLayer(
  { layers, operations, runtime, gradients }: Layered,
  byLayer: readonly (readonly Parameter[])[],
  first: number,
  batch: Batch,
  weight: number,
  onEntering?: (dy: Tensor2D) => void,
): number {
  const { rows } = batch;
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
    const parameters = operations.addsGradients ? [] : (byLayer[index] as readonly Parameter[]);
    const wanted: Tensor[] = [entering, ...parameters.map((parameter) => runtime.variableOf(parameter))];
    const results = tidy(() => grads(() => operations.layer(entering, index, rows, true))(wanted, dy));
    operations.release();
    dy.dispose();
    entering.dispose();
    dy = results.shift() as Tensor2D;
    collect(parameters, results, gradients);
  }
  onEntering?.(dy);
  dy.dispose();
  return total;
}

function onOneTape({ layers, operations }: Trained, first: number, batch: Batch, weight: number): number {
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

/** Adds what was found of each parameter to its gradient, and frees it. */
export function collect(parameters: readonly Parameter[], results: readonly Tensor[], gradients: Gradients): void {
  parameters.forEach((parameter, i) => {
    const found = results[i] as Tensor;
    const to = gradients.get(parameter) as Float32Array | Float64Array;
    const from = found.dataSync<"float32">();
    for (let at = 0; at < to.length; at++) to[at] = (to[at] as number) + (from[at] as number);
    found.dispose();
  });
}
