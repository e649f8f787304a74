// The fused operations as kernels of TensorFlow.js's backend over TensorFlow: the mathematics of ops/compose.ts, in as few of
// TensorFlow's operations as they take, called by number. On a GPU a decoding step takes as long as its operations take to
// start, so their count is what matters. Gradients do not flow through them: that is what the compositions are for.

import { RetemperError } from "../../../errors.js";
import {
  type AttendAttributes,
  type HeadAttributes,
  KERNELS,
  type MlpAttributes,
  type OutputAttributes,
  type ProjectAttributes,
} from "../../ops/kernels.js";
import type { Activation } from "../../ops/specs.js";
import { getKernel, type KernelFunc, registerKernel, type Tensor2D } from "../../tensorflowCore.js";
import { attend } from "./attendKernel.js";
import { BACKEND } from "./loadTensorflow.js";
import { normalise } from "./normaliseRaw.js";
import type { RawOps, RawTensor } from "./rawOps.js";
import { TensorflowRuntime } from "./tensorflowRuntime.js";

/** A kernel: tensors by number in, a tensor by number and its shape out. */
type Fused<Attributes> = (
  inputs: Readonly<Record<"x" | "residual", RawTensor>>,
  attributes: Attributes,
  runtime: TensorflowRuntime,
) => { readonly y: RawTensor; readonly shape: number[] };

const project: Fused<ProjectAttributes> = ({ x }, { spec, rows }, runtime) => {
  const normed = spec.norm ? normalise(x, spec.norm, runtime) : x;
  const input = runtime.operand(normed);
  const results = spec.matrices.map((matrix) => runtime.product(input, matrix));
  const width = spec.matrices.reduce((sum, { out }) => sum + out, 0);
  return { y: runtime.ops.concat(results, 1), shape: [rows.ids.length, width] };
};

const output: Fused<OutputAttributes> = ({ x, residual }, { spec, rows }, runtime) => {
  const y = runtime.product(runtime.operand(x), spec.matrix);
  const added = spec.postNorm ? normalise(y, spec.postNorm, runtime) : y;
  return { y: runtime.ops.binary("AddV2", residual, added), shape: [rows.ids.length, spec.matrix.out] };
};

const mlp: Fused<MlpAttributes> = ({ x }, { spec, rows }, runtime) => {
  const { ops } = runtime;
  const input = runtime.operand(normalise(x, spec.norm, runtime));
  const up = runtime.product(input, spec.up);
  const inner = spec.gate
    ? ops.binary("Mul", activate(runtime.product(input, spec.gate), spec.activation, ops), up)
    : activate(up, spec.activation, ops);
  const y = runtime.product(runtime.operand(inner), spec.down);
  const added = spec.postNorm ? normalise(y, spec.postNorm, runtime) : y;
  return { y: ops.binary("AddV2", x, added), shape: [rows.ids.length, spec.down.out] };
};

const head: Fused<HeadAttributes> = ({ x }, { spec, rows, wanted }, runtime) => {
  const { ops } = runtime;
  const all = wanted.length === rows.ids.length && wanted.every((row, i) => row === i);
  const chosen = all ? x : ops.gather(x, wanted);
  const logits = runtime.product(runtime.operand(normalise(chosen, spec.norm, runtime)), spec.matrix);
  const y = spec.softcap === undefined ? logits : ops.softcap(logits, spec.softcap);
  return { y, shape: [wanted.length, spec.matrix.out] };
};

/** As ops/activate.ts has it. */
function activate(x: RawTensor, activation: Activation, ops: RawOps): RawTensor {
  switch (activation) {
    case "silu":
      return ops.binary("Mul", x, ops.unary("Sigmoid", x));
    case "gelu": {
      const erf = ops.unary("Erf", ops.binary("Mul", x, Math.SQRT1_2));
      return ops.binary("Mul", ops.binary("Mul", x, 0.5), ops.binary("AddV2", erf, 1));
    }
    case "gelu_tanh": {
      const cubic = ops.binary("AddV2", ops.binary("Mul", ops.unary("Square", x), 0.044715), 1);
      const tanh = ops.unary("Tanh", ops.binary("Mul", ops.binary("Mul", x, Math.sqrt(2 / Math.PI)), cubic));
      return ops.binary("Mul", ops.binary("Mul", x, 0.5), ops.binary("AddV2", tanh, 1));
    }
    case "relu":
      return ops.unary("Relu", x);
  }
}

const attention: Fused<AttendAttributes> = ({ x }, attributes, runtime) => ({
  y: attend(x, attributes, runtime),
  shape: [attributes.rows.ids.length, attributes.spec.heads * attributes.spec.headDim],
});

const FUSED = { project, attend: attention, output, mlp, head } as const;

/** Makes these the kernels of the backend, if they are not yet. */
export function registerFusedKernels(): void {
  for (const key of Object.keys(FUSED) as (keyof typeof FUSED)[]) {
    const kernelName = KERNELS[key];
    if (getKernel(kernelName, BACKEND)) continue;
    registerKernel({ kernelName, backendName: BACKEND, kernelFunc: kernelOf(FUSED[key] as Fused<unknown>) });
  }
}

function kernelOf(fused: Fused<unknown>): KernelFunc {
  return ({ inputs, attrs }) => {
    const { runtime } = attrs as unknown as { runtime: unknown };
    if (!(runtime instanceof TensorflowRuntime)) {
      throw new RetemperError("INTERNAL", "a kernel of the engine tensorflow was given the runtime of another one");
    }
    const { ops } = runtime;
    return ops.arena(() => {
      const raw = Object.fromEntries(
        Object.entries(inputs).map(([name, tensor]) => [name, ops.borrow(tensor as Tensor2D)]),
      );
      const { y, shape } = fused(raw as Parameters<typeof fused>[0], attrs, runtime);
      return ops.give<Tensor2D>(y, shape);
    });
  };
}
