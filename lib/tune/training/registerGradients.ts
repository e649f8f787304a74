// Derivatives of the ordinary operations that a decoder is composed of: TensorFlow.js differentiates by them. Its core has
// none of its own in Node (they come with packages that bring much else), so those that are needed are defined here.

import {
  broadcast_util,
  broadcastTo,
  cast,
  div,
  exp,
  type GradConfig,
  type GradFunc,
  getGradient,
  matMul,
  mul,
  type NamedAttrMap,
  neg,
  pad,
  pow,
  registerGradient,
  reshape,
  reverse,
  slice,
  square,
  step,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  transpose,
  unsortedSegmentSum,
} from "../../nn/tensorflowCore.js";

type Saved = readonly Tensor[];
type Derive = (dy: Tensor, saved: Saved, attributes: Readonly<Record<string, unknown>>) => Record<string, () => Tensor>;

/** Sums what broadcasting spread, so that a gradient has its input's shape. */
function fitted(dy: Tensor, shape: readonly number[]): Tensor {
  const axes = broadcast_util.getReductionAxes([...shape], dy.shape);
  return reshape(axes.length > 0 ? sum(dy, axes) : dy, [...shape]);
}

/** dy of a reduction, spread over what it reduced. */
function spread(dy: Tensor, shape: readonly number[], axis: unknown): Tensor {
  const all = shape.map((_, i) => i);
  const axes = [axis ?? all].flat().map((at) => ((at as number) + shape.length) % shape.length);
  const kept = shape.map((size, i) => (axes.includes(i) ? 1 : size));
  return broadcastTo(reshape(dy, kept), [...shape]);
}

const binary = (
  da: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
  db: (dy: Tensor, a: Tensor, b: Tensor) => Tensor,
) => ({
  inputsToSave: ["a", "b"],
  derive: ((dy, [a, b]) => ({
    a: () => fitted(da(dy, a as Tensor, b as Tensor), (a as Tensor).shape),
    b: () => fitted(db(dy, a as Tensor, b as Tensor), (b as Tensor).shape),
  })) as Derive,
});
const ofInput = (dx: (dy: Tensor, x: Tensor, attributes: Readonly<Record<string, unknown>>) => Tensor) => ({
  inputsToSave: ["x"],
  derive: ((dy, [x], attributes) => ({ x: () => dx(dy, x as Tensor, attributes) })) as Derive,
});
const ofOutput = (
  name: string,
  dx: (dy: Tensor, y: Tensor, attributes: Readonly<Record<string, unknown>>) => Tensor,
) => ({
  outputsToSave: [true],
  derive: ((dy, [y], attributes) => ({ [name]: () => dx(dy, y as Tensor, attributes) })) as Derive,
});

interface Definition {
  readonly inputsToSave?: string[];
  readonly outputsToSave?: boolean[];
  readonly saveAllInputs?: boolean;
  readonly derive:
    | Derive
    | ((dy: Tensor, saved: Saved, attributes: Readonly<Record<string, unknown>>) => (() => Tensor)[]);
}

const DEFINITIONS: Readonly<Record<string, Definition>> = {
  Add: binary(
    (dy) => dy,
    (dy) => dy,
  ),
  Sub: binary(
    (dy) => dy,
    (dy) => neg(dy),
  ),
  Multiply: binary(
    (dy, _, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  RealDiv: binary(
    (dy, _, b) => div(dy, b),
    (dy, a, b) => neg(div(mul(dy, a), square(b))),
  ),
  Sum: ofInput((dy, x, { axis }) => spread(dy, x.shape, axis)),
  Mean: ofInput((dy, x, { axis }) => {
    return div(spread(dy, x.shape, axis), x.size / dy.size);
  }),
  Square: ofInput((dy, x) => mul(dy, mul(x, 2))),
  Rsqrt: ofInput((dy, x) => mul(dy, mul(pow(x, -1.5), -0.5))),
  Relu: ofInput((dy, x) => mul(dy, step(x))),
  Erf: ofInput((dy, x) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))),
  Sigmoid: ofOutput("x", (dy, y) => mul(dy, mul(y, sub(1, y)))),
  Tanh: ofOutput("x", (dy, y) => mul(dy, sub(1, square(y)))),
  Softmax: ofOutput("logits", (dy, y) => {
    const weighted = mul(dy, y);
    return sub(weighted, mul(sum(weighted, -1, true), y));
  }),
  Identity: ofInput((dy) => dy),
  Cast: ofInput((dy, x) => cast(dy, x.dtype)),
  Reshape: ofInput((dy, x) => reshape(dy, x.shape)),
  ExpandDims: { inputsToSave: ["input"], derive: (dy, [x]) => ({ input: () => reshape(dy, (x as Tensor).shape) }) },
  Reverse: ofInput((dy, _, { dims }) => reverse(dy, dims as number[])),
  Transpose: ofInput((dy, _, { perm }) => {
    const order = perm as number[];
    return transpose(
      dy,
      order.map((__, i) => order.indexOf(i)),
    );
  }),
  Slice: ofInput((dy, x, { begin }) => {
    const from = begin as number[];
    const margins = x.shape.map((size, i): [number, number] => {
      const before = from[i] ?? 0;
      return [before, size - before - (dy.shape[i] as number)];
    });
    return pad(dy, margins);
  }),
  Concat: {
    saveAllInputs: true,
    derive: (dy, inputs, { axis }) => {
      const along = ((axis as number) + dy.rank) % dy.rank;
      let at = 0;
      return inputs.map((input) => {
        const begin = dy.shape.map((_, i) => (i === along ? at : 0));
        at += input.shape[along] as number;
        return () => slice(dy, begin, input.shape);
      });
    },
  },
  GatherV2: {
    inputsToSave: ["x", "indices"],
    derive: (dy, [x, indices]) => ({
      // all of ours take whole rows
      x: () => unsortedSegmentSum(dy, indices as Tensor1D, (x as Tensor).shape[0] as number),
      indices: () => indices as Tensor,
    }),
  },
  BatchMatMul: {
    inputsToSave: ["a", "b"],
    derive: (dy, saved, { transposeA, transposeB }) => {
      const [a, b] = saved as [Tensor, Tensor];
      const ta = transposeA as boolean;
      const tb = transposeB as boolean;
      return {
        a: () => (ta ? matMul(b, dy, tb, true) : matMul(dy, b, false, !tb)),
        b: () => (tb ? matMul(dy, a, true, ta) : matMul(a, dy, !ta, false)),
      };
    },
  },
};

/** Those that nobody has defined yet. May be called again. */
export function registerGradients(): void {
  for (const [kernelName, { derive, ...saves }] of Object.entries(DEFINITIONS)) {
    if (getGradient(kernelName)) continue;
    const gradFunc = ((dy: Tensor, saved: Tensor[], attributes: NamedAttrMap) =>
      derive(dy, saved, attributes as Readonly<Record<string, unknown>>)) as unknown as GradFunc;
    registerGradient({ kernelName, ...saves, gradFunc } as GradConfig);
  }
}
