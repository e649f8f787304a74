// A decoder that is open on one engine: what the generation loop calls, whichever engine computes.

import type { NativePlan } from "../addon/nativePlan.js";
import type { NativeVirtualTensor } from "../addon/nativeRuntime.js";
import type { EngineFacts } from "./engines/engineTypes.js";
import type { Cache, DecoderSpec, Rows } from "./ops/specs.js";

/** Engines (engines/) make these. Calls are synchronous and run on the thread that opened it: a worker of the model. */
export interface Decoder {
  readonly spec: DecoderSpec;
  readonly facts: EngineFacts;
  /** Of a virtual merge: how each tensor is evaluated. */
  readonly virtualTensors?: readonly NativeVirtualTensor[] | undefined;
  /** Bytes of weights, of one cached token, and of the activations of a step of `rows` rows. */
  readonly memory: {
    readonly weights: number;
    readonly cacheToken: number;
    activations(rows: number, wanted: number): number;
    /** Whether forks of a sequence share what they have in common for good; else each comes to hold it itself. */
    readonly forksShare?: boolean | undefined;
  };
  /** Of `memory.weights` the bytes that lie in mapped files: they need not be in memory. */
  readonly mapped?: number | undefined;
  /** Multiplications and additions that a thread does in half to three quarters of a second, where the engine knows its processor. */
  readonly stepWork?: number | undefined;
  createCache(shape: { readonly slots: number; readonly tokens: number }): Cache;
  /**
   * Runs one step and appends it to the cache. Gives logits of the rows whose indices `wanted` lists, in that order:
   * [wanted x vocabulary], row-major. The array belongs to the decoder and is valid until the next call.
   */
  forward(rows: Rows, cache: Cache, wanted: Int32Array): Float32Array;
  /** The lowest index of the greatest of these values, where the engine finds it sooner than a loop; NaN is never it. */
  readonly argMax?: ((values: Float32Array) => number) | undefined;
  /**
   * Of a virtual merge: adds a variant, or puts another one in the place of one that was added, by a plan of one output.
   * Between steps, while no row is of the variant; what the cache holds of it is of the one before.
   */
  readonly setVariant?: ((variant: number, plan: NativePlan) => void) | undefined;
  /** Frees everything. Calling it twice does nothing. */
  dispose(): void;
}
