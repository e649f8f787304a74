// An engine that has a checkpoint's weights and is ready to compute with them: what decoders and encoders are built on.

import type { NativeVirtualTensor } from "../../addon/nativeRuntime.js";
import type { Decoder } from "../decoder.js";
import { type AssembledDecoder, assembleDecoder } from "../ops/assembleDecoder.js";
import { MOST_SCORES } from "../ops/attend.js";
import type { Runtime } from "../ops/runtime.js";
import type { DecoderSpec, Weight } from "../ops/specs.js";
import type { EngineFacts } from "./engineTypes.js";

export interface RunningEngine {
  readonly runtime: Runtime;
  /** Of TensorFlow.js, ready to be used. */
  readonly backend: string;
  readonly facts: EngineFacts;
  /** Of a virtual merge: how each tensor is evaluated. */
  readonly virtualTensors?: readonly NativeVirtualTensor[] | undefined;
  readonly setVariant?: Decoder["setVariant"];
  readonly argMax?: Decoder["argMax"];
  /** The decoder's. */
  readonly stepWork?: number | undefined;
  /** Bytes that the weights take in memory. */
  readonly weightBytes: number;
  /** What a decoder takes beside its weights, where the engine does not run the compositions of ordinary ops. */
  readonly decoderMemory?: (spec: DecoderSpec) => Omit<Decoder["memory"], "weights">;
  /** The decoder's. */
  readonly mapped?: number | undefined;
  /** Does now what a decoder's first step would do otherwise, so that what is wrong with its weights is found at once. */
  readonly prepare?: (spec: DecoderSpec) => void;
}

/** Every weight of a spec once, in the order of its layers. */
export function weightsOf(spec: object): Weight[] {
  const found = new Map<string, Weight>();
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return;
    if ("stored" in value) {
      const weight = value as Weight;
      found.set(`${weight.name} ${weight.rows ?? ""}`, weight);
    } else for (const part of Object.values(value)) visit(part);
  };
  visit(spec);
  return [...found.values()];
}

/** A decoder on a running engine, which it owns from now on. Throws what `prepare` throws. */
export function decoderOn(engine: RunningEngine, spec: DecoderSpec): AssembledDecoder {
  const { weightBytes: weights, decoderMemory = composedMemory, prepare, ...parts } = engine;
  try {
    prepare?.(spec);
  } catch (error) {
    engine.runtime.dispose();
    throw error;
  }
  return assembleDecoder({ ...parts, spec, memory: { weights, ...decoderMemory(spec) } });
}

/** Compositions keep keys and values in float32, a handful of results of a layer at once, and pieces of attention's scores. */
function composedMemory(spec: DecoderSpec): Omit<Decoder["memory"], "weights"> {
  const widest = Math.max(...spec.layers.map(({ mlp, attend }) => 3 * mlp.up.out + 4 * attend.heads * attend.headDim));
  const scores = 3 * spec.maxPositions * Math.max(...spec.layers.map(({ attend }) => attend.heads));
  return {
    cacheToken: spec.layers.reduce((sum, { attend }) => sum + 8 * attend.kvHeads * attend.headDim, 0),
    activations: (rows, wanted) =>
      4 * (rows * (widest + 4 * spec.hidden) + 2 * wanted * spec.vocabulary + Math.min(3 * MOST_SCORES, rows * scores)),
  };
}
