// A decoder's operations for training on the native engine: each one kernel forward and one backward, made known to
// TensorFlow.js's differentiation as a function with a gradient of its own.

import { clone, customGrad, type Tensor, type Tensor2D } from "@tensorflow/tfjs-core";
import type { NativeTerm, NativeTermGradient } from "../../addon/nativeRuntime.js";
import { calling } from "../../generate/engines/native/calling.js";
import type { KernelRuntime } from "../../generate/engines/native/kernelRuntime.js";
import { currentBackend, tensorOf } from "../../generate/engines/native/nativeBackend.js";
import type { DecoderSpec, Matrix, Rows } from "../../generate/ops/specs.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import type { Term } from "../adapter/terms.js";
import { composedOperations, type Loss, type TrainingOperations } from "./gradients.js";

/** Kernels for plain terms; layers with magnitudes, or while something is dropped out, run as compositions. */
export function nativeOperations(
  spec: DecoderSpec,
  runtime: AdaptedRuntime,
  kernels: KernelRuntime,
  checkStop: () => void,
): TrainingOperations {
  const composed = composedOperations(spec, runtime, checkStop);
  const { layers, head } = kernels.training(spec);
  const hasMagnitudes = spec.layers.map(({ project, output, mlp }) =>
    [...project.matrices, output.matrix, mlp.up, mlp.down].some(
      (matrix) => runtime.termOf(matrix)?.magnitude !== undefined,
    ),
  );
  return {
    ...composed,
    onTape: hasMagnitudes.every((has) => !has) && !runtime.mayDrop,
    layer(x, index, rows, isTaped) {
      checkStop();
      if (runtime.drops || hasMagnitudes[index]) return composed.layer(x, index, rows, isTaped);
      const { project, attend, output, mlp } = spec.layers[index] as DecoderSpec["layers"][number];
      const made = layers[index] as (typeof layers)[number];
      const width = project.matrices.reduce((sum, { out }) => sum + out, 0);
      const projected = adapted(x, undefined, project.matrices, width, runtime, {
        forward: (from, terms, _, y) => made.project.forward(from, terms, y),
        backward: (from, terms, dy, dx) => {
          checkStop();
          made.project.backward(from, terms, dy, dx);
        },
      });
      const attended = attention(projected, attend.heads * attend.headDim, lengthsOf(rows), made.attend);
      const y = adapted(attended, x, [output.matrix], output.matrix.out, runtime, {
        forward: (from, terms, residual, to) => made.output.forward(from, terms, residual as Float32Array, to),
        backward: (from, terms, dy, dx) => made.output.backward(from, terms, dy, dx),
      });
      const matrices = mlp.gate ? [mlp.gate, mlp.up, mlp.down] : [mlp.up, mlp.down];
      return adapted(y, undefined, matrices, mlp.down.out, runtime, {
        kept: isTaped ? mlp.up.out * (mlp.gate ? 2 : 1) : 0,
        forward: (from, terms, _, to, kept) => made.mlp.forward(from, terms, kept, to),
        backward: (from, terms, dy, dx, kept) => made.mlp.backward(from, terms, kept as Float32Array, dy, dx),
      });
    },
    loss(x, { wanted, targets }, weight): Loss {
      const backend = currentBackend();
      const values = backend.valuesOf(x);
      if (weight === 0) return { sum: calling(() => head(values, wanted, targets, 0, null)) };
      const { info, values: dx } = backend.output(x.shape);
      const sum = calling(() => head(values, wanted, targets, weight, dx));
      return { sum, gradient: tensorOf(info) };
    },
  };
}

interface Kernels {
  /** Numbers a row that the way back takes over from the way forward. */
  readonly kept?: number;
  forward(
    x: Float32Array,
    terms: NativeTerm[],
    residual: Float32Array | undefined,
    y: Float32Array,
    kept: Float32Array | null,
  ): void;
  backward(
    x: Float32Array,
    terms: NativeTermGradient[],
    dy: Float32Array,
    dx: Float32Array,
    kept: Float32Array | null,
  ): void;
}

/** An operation over matrices with terms, whose variables are inputs beside x and the residual. */
function adapted(
  x: Tensor2D,
  residual: Tensor2D | undefined,
  matrices: readonly Matrix[],
  width: number,
  runtime: AdaptedRuntime,
  { kept = 0, forward, backward }: Kernels,
): Tensor2D {
  const terms = matrices.map((matrix) => runtime.termOf(matrix));
  const distinct = [...new Set(terms.filter((term) => term !== undefined))];
  const variables = distinct.flatMap(({ a, b }) => [a.variable, b.variable]);
  const rows = x.shape[0];
  const run = customGrad<Tensor2D>((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: Tensor[]) => void;
    const backend = currentBackend();
    const { info, values } = backend.output([rows, width]);
    const parts = matrices.map((matrix, i) => partOf(matrix, terms[i]));
    const between = kept > 0 ? backend.output([rows, kept]) : undefined;
    const rest = residual && backend.valuesOf(residual);
    calling(() =>
      forward(
        backend.valuesOf(x),
        parts.map((part) => part && [...part]),
        rest,
        values,
        between?.values ?? null,
      ),
    );
    const saved = [x];
    if (between) saved.push(tensorOf(between.info));
    save(saved);
    const gradFunc = (dy: Tensor2D, [from, middle]: Tensor[]) => {
      const { info: result, values: dx } = backend.output(x.shape);
      const gradients = new Map(
        distinct.map((term) => [
          term,
          [new Float32Array(term.a.values.length), new Float32Array(term.b.values.length)],
        ]),
      );
      const both = matrices.map((matrix, i): NativeTermGradient => {
        const term = terms[i];
        const part = partOf(matrix, term);
        if (!term || !part) return null;
        const [da, db] = gradients.get(term) as [Float32Array, Float32Array];
        return [...part, da, rowsOf(db, matrix, term)];
      });
      const rest = middle ? backend.valuesOf(middle) : null;
      calling(() => backward(backend.valuesOf(from as Tensor), both, backend.valuesOf(dy), dx, rest));
      const ofTerms = distinct.flatMap((term) =>
        (gradients.get(term) as Float32Array[]).map((gradient, i) =>
          tensorOf(backend.over(gradient, [...(i === 0 ? term.a.shape : term.b.shape)])),
        ),
      );
      return [tensorOf(result), ...(residual ? [clone(dy)] : []), ...ofTerms];
    };
    return { value: tensorOf(info), gradFunc: gradFunc as (dy: Tensor2D, saved: Tensor[]) => Tensor[] };
  });
  return run(x, ...(residual ? [residual] : []), ...variables);
}

function attention(
  x: Tensor2D,
  width: number,
  lengths: Int32Array,
  { forward, backward }: ReturnType<KernelRuntime["training"]>["layers"][number]["attend"],
): Tensor2D {
  const run = customGrad<Tensor2D>((input, save) => {
    const backend = currentBackend();
    const { info, values } = backend.output([x.shape[0], width]);
    calling(() => forward(backend.valuesOf(input as Tensor2D), lengths, values));
    (save as (tensors: Tensor[]) => void)([input as Tensor2D]);
    return {
      value: tensorOf(info),
      gradFunc: (dy: Tensor2D, [from]: Tensor[]) => {
        const { info: result, values: dx } = backend.output(x.shape);
        calling(() => backward(backend.valuesOf(from as Tensor), lengths, backend.valuesOf(dy), dx));
        return tensorOf(result);
      },
    };
  });
  return run(x);
}

/** What the kernel takes of a term: of a matrix that is a part of its module, those rows of B. */
function partOf(matrix: Matrix, term: Term | undefined): readonly [number, Float32Array, Float32Array] | null {
  return term ? [term.scale, term.a.values, rowsOf(term.b.values, matrix, term)] : null;
}

function rowsOf(b: Float32Array, { weight: { rows } }: Matrix, { b: { shape } }: Term): Float32Array {
  const rank = shape[1] as number;
  return rows ? b.subarray(rows[0] * rank, rows[1] * rank) : b;
}

function lengthsOf({ slots }: Rows): Int32Array {
  const lengths: number[] = [];
  slots.forEach((slot, i) => {
    if (i > 0 && slots[i - 1] === slot) lengths[lengths.length - 1] = (lengths.at(-1) as number) + 1;
    else lengths.push(1);
  });
  return Int32Array.from(lengths);
}
