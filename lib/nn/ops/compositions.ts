// Registers the compositions as kernels, for backends that have none of their own.

import {
  getKernel,
  type KernelFunc,
  type NamedAttrMap,
  registerKernel,
  type Tensor2D,
  tidy,
} from "../tensorflowCore.js";
import { attend } from "./attend.js";
import { embed, head, mlp, output, project } from "./compose.js";
import { KERNELS } from "./kernels.js";
import type { Operations } from "./throughLayers.js";

/** The compositions as plain functions: gradients flow through them. They need a BlockCache. */
export const COMPOSED_OPERATIONS: Operations = { embed, project, attend, output, mlp, head };

/** The same as kernels see them: the engine hands on what kernels.ts gave it; its types for that are wider. */
type Inputs = Readonly<Record<"x" | "residual", Tensor2D>>;
type Composition = (inputs: Inputs, attributes: never) => Tensor2D;

const COMPOSITIONS: Readonly<Record<keyof typeof KERNELS, Composition>> = {
  embed: (_inputs, attributes) => embed(attributes),
  project: ({ x }, attributes) => project(x, attributes),
  attend: ({ x }, attributes) => attend(x, attributes),
  output: ({ x, residual }, attributes) => output(x, residual, attributes),
  mlp: ({ x }, attributes) => mlp(x, attributes),
  head: ({ x }, attributes) => head(x, attributes),
};

/** Makes the compositions the kernels of a backend, except where it has its own already. May be called again. */
export function registerCompositions(backendName: string): void {
  for (const key of Object.keys(KERNELS) as (keyof typeof KERNELS)[]) {
    const kernelName = KERNELS[key];
    const compose = COMPOSITIONS[key] as (inputs: Inputs, attributes: NamedAttrMap | undefined) => Tensor2D;
    const kernelFunc: KernelFunc = ({ inputs, attrs }) => tidy(() => compose(inputs as unknown as Inputs, attrs));
    if (!getKernel(kernelName, backendName)) registerKernel({ kernelName, backendName, kernelFunc });
  }
}
