// Makes the native backend known to TensorFlow.js, with the kernels of its CPU backend and our own for the fused operations.

import { RetemperError } from "../../../errors.js";
import {
  type AttendAttributes,
  type EmbedAttributes,
  type HeadAttributes,
  KERNELS,
  type MlpAttributes,
  type OutputAttributes,
  type ProjectAttributes,
} from "../../ops/kernels.js";
import type { Runtime } from "../../ops/runtime.js";
import {
  copyRegisteredKernels,
  enableProdMode,
  findBackendFactory,
  type KernelFunc,
  registerBackend,
  registerKernel,
  type TensorInfo,
} from "../../tensorflowCore.js";
import { KernelRuntime } from "./kernelRuntime.js";
import { NativeBackend } from "./nativeBackend.js";
import { paged } from "./pagedCache.js";

export const BACKEND = "retemper";

/** May be called again. */
export function registerKernels(): void {
  if (findBackendFactory(BACKEND)) return;
  enableProdMode(); // else the CPU backend prints advice
  copyRegisteredKernels("cpu", BACKEND);
  kernel(KERNELS.embed, (_, { spec, rows, runtime }: EmbedAttributes) => ours(runtime).embed(spec, rows));
  kernel(KERNELS.project, ({ x }, { spec, rows, runtime }: ProjectAttributes) => ours(runtime).project(spec, x, rows));
  kernel(KERNELS.attend, ({ x }, { spec, rows, runtime, cache }: AttendAttributes) =>
    ours(runtime).attend(spec, x, rows, paged(cache)),
  );
  kernel(KERNELS.output, ({ x, residual }, { spec, rows, runtime }: OutputAttributes) =>
    ours(runtime).output(spec, x, residual, rows),
  );
  kernel(KERNELS.mlp, ({ x }, { spec, rows, runtime }: MlpAttributes) => ours(runtime).mlp(spec, x, rows));
  kernel(KERNELS.head, ({ x }, { spec, rows, runtime, wanted }: HeadAttributes) =>
    ours(runtime).head(spec, x, rows, wanted),
  );
  registerBackend(BACKEND, () => new NativeBackend());
}

type Inputs = Readonly<Record<"x" | "residual", TensorInfo>>;

function kernel<A>(kernelName: string, run: (inputs: Inputs, attributes: A) => TensorInfo): void {
  // The engine hands on what kernels.ts gave it; its types for inputs and attributes are wider.
  const kernelFunc: KernelFunc = ({ inputs, attrs }) => run(inputs as unknown as Inputs, attrs as unknown as A);
  registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
}

function ours(runtime: Runtime): KernelRuntime {
  if (runtime instanceof KernelRuntime) return runtime;
  throw new RetemperError("INTERNAL", "a native kernel was given the runtime of another engine");
}
