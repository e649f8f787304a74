// TensorFlow.js's own backend on the processor, in JavaScript; loaded as its core is (tensorflowCore.ts).

import { createRequire } from "node:module";
import type * as Cpu from "@tensorflow/tfjs-backend-cpu";

export type MathBackendCPU = Cpu.MathBackendCPU;
export const { MathBackendCPU } = createRequire(import.meta.url)("@tensorflow/tfjs-backend-cpu") as typeof Cpu;
