// A decoder's operations for training on the native engine: each one kernel forward and one backward, made known to
// TensorFlow.js's differentiation as a function with a gradient of its own. Gradients of low-rank terms are no results of
// these functions: kernels add them where the optimiser finds them.

import type { NativeTerm } from "../../addon/nativeRuntime.js";
import { calling } from "../../nn/engines/native/calling.js";
import type { KernelRuntime, NativeTraining } from "../../nn/engines/native/kernelRuntime.js";
import { currentBackend, tensorOf } from "../../nn/engines/native/nativeBackend.js";
import type { DecoderSpec, Matrix, Rows } from "../../nn/ops/specs.js";
import { clone, customGrad, type Tensor, type Tensor2D } from "../../nn/tensorflowCore.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import type { Term } from "../adapter/terms.js";
import type { Optimized } from "./adamW.js";
import { composedOperations } from "./composedOperations.js";
import type { Loss, TrainingHooks, TrainingOperations } from "./trainingOperations.js";

export function nativeOperations(
  spec: DecoderSpec,
  runtime: AdaptedRuntime,
  kernels: KernelRuntime,
  hooks: TrainingHooks,
): TrainingOperations {
  const { checkStop, mostRows } = hooks;
  currentBackend().mostIdle = Number.POSITIVE_INFINITY; // all sizes have the same room, so buffers are used again
  const drops = new Map<Term, Uint32Array>();
  const made = kernels.training(spec, (matrix) => nativeTerm(matrix, runtime, drops, hooks));
  const hasMagnitudes = [...runtime.allTerms].some(({ magnitude }) => magnitude !== undefined);
  const refresh = () => {
    if (!hasMagnitudes) return;
    for (const { project, output, mlp } of made.layers) {
      for (const operation of [project, output, mlp]) calling(() => operation.measure());
    }
  };
  refresh();
  return {
    ...composedOperations(spec, runtime, checkStop),
    onTape: true,
    addsGradients: true,
    refresh,
    layer(x, index, rows, isTaped) {
      checkStop();
      for (const [term, drop] of drops) {
        drop[0] = Number(runtime.drops);
        if (runtime.drops && term.module.layer === index) drop[1] = runtime.dropState(term);
      }
      return layer(x, spec.layers[index] as LayerSpec, made.layers[index] as NativeLayer, rows, isTaped, hooks);
    },
    loss(x, { wanted, targets }, weight): Loss {
      const backend = currentBackend();
      const values = backend.valuesOf(x);
      if (weight === 0) return { sum: calling(() => made.head(values, wanted, targets, 0, null)) };
      const { info, values: dx } = backend.output(x.shape, mostRows * (x.shape[1] as number));
      const sum = calling(() => made.head(values, wanted, targets, weight, dx));
      return { sum, gradient: tensorOf(info) };
    },
    optimizer(parameters, { betas: [beta1, beta2], epsilon, weightDecay }) {
      const arrays = ({ values, gradient, moments: { first, second } }: Optimized) =>
        [values, gradient, first, second] as const;
      const { clear, norm, step: change } = kernels.optimizer(parameters.map(arrays));
      return {
        clear,
        norm,
        step({ step, rate, factor }) {
          const stride = rate / (1 - beta1 ** step);
          const root = Math.sqrt(1 - beta2 ** step);
          change(factor, beta1, beta2, 1 - beta1, 1 - beta2, 1 - rate * weightDecay, stride, root, epsilon);
        },
      };
    },
  };
}

type LayerSpec = DecoderSpec["layers"][number];
type NativeLayer = NativeTraining["layers"][number];

function layer(
  x: Tensor2D,
  { project, attend, output, mlp }: LayerSpec,
  made: NativeLayer,
  rows: Rows,
  isTaped: boolean,
  { checkStop, mostRows }: TrainingHooks,
): Tensor2D {
  const width = project.matrices.reduce((sum, { out }) => sum + out, 0);
  const lengths = lengthsOf(rows);
  const projected = operation(x, undefined, width, {
    mostRows,
    checkStop,
    forward: (from, _, y) => made.project.forward(from, y),
    backward: (from, dy, dx) => made.project.backward(from, dy, dx),
  });
  const attended = operation(projected, undefined, attend.heads * attend.headDim, {
    mostRows,
    forward: (from, _, y) => made.attend.forward(from, lengths, y),
    backward: (from, dy, dx) => made.attend.backward(from, lengths, dy, dx),
  });
  const y = operation(attended, x, output.matrix.out, {
    mostRows,
    forward: (from, residual, to) => made.output.forward(from, residual as Float32Array, to),
    backward: (from, dy, dx) => made.output.backward(from, dy, dx),
  });
  return operation(y, undefined, mlp.down.out, {
    mostRows,
    kept: isTaped ? mlp.up.out * (mlp.gate ? 2 : 1) : 0,
    checkStop,
    forward: (from, _, to, kept) => made.mlp.forward(from, kept, to),
    backward: (from, dy, dx, kept) => made.mlp.backward(from, kept as Float32Array, dy, dx),
  });
}

interface Kernels {
  /** That any micro-batch has. */
  readonly mostRows: number;
  /** Numbers a row that the way back takes over from the way forward. */
  readonly kept?: number;
  /** Called before the way back. */
  readonly checkStop?: () => void;
  forward(x: Float32Array, residual: Float32Array | undefined, y: Float32Array, kept: Float32Array | null): void;
  backward(x: Float32Array, dy: Float32Array, dx: Float32Array, kept: Float32Array | null): void;
}

/** A function of x, and perhaps of a residual that is added, with `width` results a row. */
function operation(
  x: Tensor2D,
  residual: Tensor2D | undefined,
  width: number,
  { kept = 0, mostRows, checkStop, forward, backward }: Kernels,
): Tensor2D {
  const run = customGrad<Tensor2D>((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: Tensor[]) => void;
    const backend = currentBackend();
    const { info, values } = backend.output([x.shape[0], width], mostRows * width);
    const between = kept > 0 ? backend.output([x.shape[0], kept], mostRows * kept) : undefined;
    const rest = residual && backend.valuesOf(residual);
    calling(() => forward(backend.valuesOf(x), rest, values, between?.values ?? null));
    save(between ? [x, tensorOf(between.info)] : [x]);
    const gradFunc = (dy: Tensor2D, [from, middle]: Tensor[]) => {
      checkStop?.();
      const { info: result, values: dx } = backend.output(x.shape, mostRows * x.shape[1]);
      const passed = middle ? backend.valuesOf(middle) : null;
      calling(() => backward(backend.valuesOf(from as Tensor), backend.valuesOf(dy), dx, passed));
      return residual ? [tensorOf(result), clone(dy)] : tensorOf(result);
    };
    return { value: tensorOf(info), gradFunc: gradFunc as (dy: Tensor2D, saved: Tensor[]) => Tensor2D };
  });
  return residual ? run(x, residual) : run(x);
}

/** What kernels take of a matrix's term: of a matrix that is a part of its module, those rows. */
function nativeTerm(
  matrix: Matrix,
  runtime: AdaptedRuntime,
  drops: Map<Term, Uint32Array>,
  { gradients, norms }: TrainingHooks,
): NativeTerm | null {
  const term = runtime.termOf(matrix);
  if (!term) return null;
  const { a, b, magnitude, scale, module } = term;
  const [begin, end] = matrix.weight.rows ?? [0, module.out];
  const rank = b.shape[1] as number;
  const rows = (values: Float32Array, width = 1) => values.subarray(begin * width, end * width);
  const of = (parameter: typeof a) => gradients.get(parameter) as Float32Array;
  const { dropout } = runtime;
  const drop = drops.get(term) ?? new Uint32Array(2);
  if (dropout.rate > 0) drops.set(term, drop);
  return {
    scale,
    a: a.values,
    b: rows(b.values, rank),
    da: of(a),
    db: rows(of(b), rank),
    ...(magnitude && {
      magnitudes: rows(magnitude.values),
      dMagnitudes: rows(of(magnitude)),
      squares: rows(norms(module).map((norm) => norm * norm)),
      lengths: new Float32Array(end - begin),
    }),
    ...(dropout.rate > 0 && { rate: dropout.rate, drop }),
  };
}

function lengthsOf({ slots }: Rows): Int32Array {
  const lengths: number[] = [];
  slots.forEach((slot, i) => {
    if (i > 0 && slots[i - 1] === slot) lengths[lengths.length - 1] = (lengths.at(-1) as number) + 1;
    else lengths.push(1);
  });
  return Int32Array.from(lengths);
}
