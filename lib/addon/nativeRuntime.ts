// Generation's kernels as the addon gives them: the operations of one open model, over weights in mapped files.
// native/napi/nn.cc implements exactly this.
//
// Everything is synchronous and runs on the calling thread and the runtime's own; arrays are read and written in place.
// Activations are float32, [rows, features], row-major. What is wrong with an argument throws an error with code USAGE,
// before anything is computed; a file that changed since it was opened, BAD_INPUT.

import type { NativePlan } from "./nativePlan.js";

/** A weight, or rows of one, as it lies in a file. One-dimensional weights have one row. */
export interface NativeWeight {
  /** For messages; of a weight that is made, what the merge calls it. */
  readonly name: string;
  /** Of the merge that `openMerge` opened, which lies in no file: `file` and `offset` are then of no use. */
  readonly made?: boolean | undefined;
  /** Of a made weight: the first of its rows that are meant. */
  readonly firstRow?: number | undefined;
  /** What `openFile` gave. */
  readonly file: number;
  /** By its safetensors name. */
  readonly dtype: string;
  /** Of the first element, in bytes from the start of the file. */
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
}

/** BF16, F16 or F32. */
export interface NativeMatrix {
  readonly weight: NativeWeight;
  /** [in, out] instead of [out, in]. */
  readonly inMajor: boolean;
  readonly bias?: NativeWeight | undefined;
}

export interface NativeNorm {
  readonly kind: "rms" | "layer";
  readonly weight: NativeWeight;
  readonly bias?: NativeWeight | undefined;
  readonly epsilon: number;
  readonly plusOne: boolean;
}

export interface NativeEmbed {
  readonly table: NativeWeight;
  readonly positions?: NativeWeight | undefined;
  readonly scale: number;
}

export interface NativeProject {
  readonly norm?: NativeNorm | undefined;
  readonly matrices: readonly NativeMatrix[];
}

export interface NativeAttend {
  readonly layer: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly scale: number;
  readonly softcap?: number | undefined;
  readonly window?: number | undefined;
  readonly rope?:
    | {
        readonly inverseFrequencies: Float32Array;
        readonly magnitude: number;
        readonly long?: { readonly from: number; readonly inverseFrequencies: Float32Array } | undefined;
      }
    | undefined;
  readonly queryNorm?: NativeNorm | undefined;
  readonly keyNorm?: NativeNorm | undefined;
}

export interface NativeOutput {
  readonly matrix: NativeMatrix;
  readonly postNorm?: NativeNorm | undefined;
}

export interface NativeMlp {
  readonly norm: NativeNorm;
  readonly gate?: NativeMatrix | undefined;
  readonly up: NativeMatrix;
  readonly down: NativeMatrix;
  readonly activation: "silu" | "gelu" | "gelu_tanh" | "relu";
  readonly postNorm?: NativeNorm | undefined;
}

export interface NativeHead {
  readonly norm: NativeNorm;
  readonly matrix: NativeMatrix;
  readonly softcap?: number | undefined;
}

export interface NativeDecoder {
  readonly embed: NativeEmbed;
  readonly layers: readonly {
    readonly project: NativeProject;
    readonly attend: NativeAttend;
    readonly output: NativeOutput;
    readonly mlp: NativeMlp;
  }[];
  readonly head: NativeHead;
}

/**
 * How a tensor of a virtual merge is evaluated: "stored": in all variants a copy of what is stored; "summed":
 * products with stored matrices and low-rank terms are summed; "made": pieces are made for each product; "made in blocks":
 * likewise, in the blocks in which they are written, since equal values are counted from a block's start; "combined": made
 * once, for small ones; "held": made once and kept in memory.
 */
export interface NativeVirtualTensor {
  readonly name: string;
  readonly how: "stored" | "summed" | "made" | "made in blocks" | "combined" | "held" | "blocks";
  /** Of methods that may take a straight line instead of an arc: vectors of the tensor that do, and all of them. */
  readonly straight?: number | undefined;
  readonly vectors?: number | undefined;
}

/** Keys and values of the sequences in work, in pages that forks share. */
export interface NativeCache {
  readonly id: number;
  /** All that it may come to use; the system gives memory when a page is first used. */
  readonly bytes: number;
  fork(from: number, to: number, length: number): void;
  release(slot: number): void;
  dispose(): void;
}

/**
 * What is trained beside a matrix: y += scale (x A^T) B^T; arrays that an operation goes on using. With magnitudes (DoRA) the
 * sum is scaled row by row to magnitudes / lengths; `measure` computes the lengths from the squares of those of W's rows.
 * With `drop`, x loses the share `rate` of its elements first: [whether it does now, state of the generator].
 */
export interface NativeTerm {
  readonly scale: number;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly da: Float32Array;
  readonly db: Float32Array;
  readonly magnitudes?: Float32Array | undefined;
  readonly dMagnitudes?: Float32Array | undefined;
  readonly squares?: Float32Array | undefined;
  readonly lengths?: Float32Array | undefined;
  readonly rate?: number | undefined;
  readonly drop?: Uint32Array | undefined;
}

/** Terms that are null add nothing. */
export type NativeTerms = readonly (NativeTerm | null)[];

export interface NativeTrained {
  forward(x: Float32Array, y: Float32Array): void;
  backward(x: Float32Array, dy: Float32Array, dx: Float32Array): void;
  /** Brings the lengths of terms with magnitudes up to date. */
  measure(): void;
}

export interface NativeRuntime {
  /** The instruction set of the kernels. */
  readonly target: string;
  readonly threads: number;
  /** Maps a file, and refuses it if it is not the one that was meant. */
  openFile(file: {
    readonly path: string;
    readonly size: number;
    readonly inode: string;
    readonly mtimeNs: string;
  }): number;
  /**
   * Opens a merge whose weights are made when they are needed, one variant for each output of the plan; files of the outputs
   * are left alone. Methods that depend on the tensors read them here.
   * @param sums products may be summed instead of weights, where that is the same but for rounding
   * @param holds all matrices are made now and kept in memory; a plan that puts some into blocks needs it
   * @param blocks matrices in blocks of GGUF's formats, stored and copied or made now, are multiplied as they are
   * @param file with `holds`: mapped for what is held, or written with it
   */
  openMerge(
    plan: NativePlan,
    sums: boolean,
    holds: boolean,
    blocks: boolean,
    file?: { readonly path: string; readonly isThere: boolean },
  ): readonly NativeVirtualTensor[];
  /**
   * Adds a variant to the open merge, or puts another one in the place of one that was added. What depends on the tensors
   * is found here; weights that are held stay those of the other variants.
   * @param variant not one of those that it was opened with; those before it need not be set
   * @param plan one output, whose inputs are those of the merge and may be more
   */
  setVariant(variant: number, plan: NativePlan): void;
  /**
   * The rows of the step that the operations work on from here on, as `Rows` of lib/nn/ops/specs.ts has them. They
   * are copied.
   */
  setStep(
    ids: Int32Array,
    positions: Int32Array,
    slots: Int32Array,
    variants: Int32Array,
    contexts?: Int32Array | undefined,
  ): void;
  // Each operation is made once and is a function of its own. It computes for the rows of the step.
  embed(spec: NativeEmbed): (y: Float32Array) => void;
  project(spec: NativeProject): (x: Float32Array, y: Float32Array) => void;
  attend(spec: NativeAttend): (x: Float32Array, cache: number, y: Float32Array) => void;
  output(spec: NativeOutput): (x: Float32Array, residual: Float32Array, y: Float32Array) => void;
  mlp(spec: NativeMlp): (x: Float32Array, y: Float32Array) => void;
  /** y: [wanted, vocabulary]. Also finds out whether a file was changed meanwhile. */
  head(spec: NativeHead): (x: Float32Array, wanted: Int32Array, y: Float32Array) => void;
  /** All of them one after the other: a whole step, with the bits that they give one by one. y: as `head` has it. */
  decoder(spec: NativeDecoder): (cache: number, wanted: Int32Array, y: Float32Array) => void;
  // Without a step:
  linear(matrix: NativeMatrix): (x: Float32Array, y: Float32Array) => void;
  /** The gradient of a product's x: dx = dy W. The bias is left out of account. */
  linearBackward(matrix: NativeMatrix): (dy: Float32Array, dx: Float32Array) => void;
  /** Rows of a table. */
  gather(table: NativeWeight): (ids: Int32Array, y: Float32Array) => void;
  /** All of a small weight, as float32. */
  vector(weight: NativeWeight): Float32Array;
  // Training: without a step, forward and backward. Gradients of terms are added to their arrays, those of activations
  // overwrite.
  /** Terms: one a matrix. */
  trainProject(spec: NativeProject, terms: NativeTerms): NativeTrained;
  trainAttend(spec: NativeAttend): {
    /** `lengths` of the sequences, which lie one after the other, each from position 0. */
    forward(x: Float32Array, lengths: Int32Array, y: Float32Array): void;
    backward(x: Float32Array, lengths: Int32Array, dy: Float32Array, dx: Float32Array): void;
  };
  /** One term. The gradient of the residual is dy. */
  trainOutput(
    spec: NativeOutput,
    terms: NativeTerms,
  ): Omit<NativeTrained, "forward"> & {
    forward(x: Float32Array, residual: Float32Array, y: Float32Array): void;
  };
  /**
   * Terms: gate (where there is one), up, down. `kept`, [rows, widths of up and gate together], holds what the way back
   * needs, and is overwritten by it; null where no way back follows.
   */
  trainMlp(
    spec: NativeMlp,
    terms: NativeTerms,
  ): Pick<NativeTrained, "measure"> & {
    forward(x: Float32Array, kept: Float32Array | null, y: Float32Array): void;
    backward(x: Float32Array, kept: Float32Array, dy: Float32Array, dx: Float32Array): void;
  };
  /** AdamW over parameters' arrays, which it goes on using. */
  optimizer(
    parameters: readonly (readonly [
      values: Float32Array,
      gradient: Float32Array,
      first: Float32Array,
      second: Float32Array,
    ])[],
  ): {
    /** Sets all gradients to 0. */
    clear(): void;
    /** Of all gradients together. */
    norm(): number;
    /** As AdamStep of native/nn/training_kernels.h has them. */
    step(
      factor: number,
      beta1: number,
      beta2: number,
      rest1: number,
      rest2: number,
      kept: number,
      stride: number,
      root: number,
      epsilon: number,
    ): void;
  };
  /** Gives the sum of -log p(target) over the wanted rows; dx, where it is not null: `weight` times its gradient. */
  trainHead(
    spec: NativeHead,
  ): (x: Float32Array, wanted: Int32Array, targets: Int32Array, weight: number, dx: Float32Array | null) => number;
  createCache(shape: {
    readonly layers: readonly { readonly kvHeads: number; readonly headDim: number }[];
    readonly slots: number;
    readonly tokens: number;
    readonly elements: "float32" | "bfloat16" | "int8";
  }): NativeCache;
  /** Of each row of x [ids, width] the lowest index of its greatest value. */
  argMax(x: Float32Array, ids: Int32Array): void;
  /** Of each row of x [sums, width] the logarithm of the sum of e^x. */
  logSumExp(x: Float32Array, sums: Float64Array): void;
  /**
   * Seconds of this thread where the environment has RETEMPER_PROFILE: in products, in attention and in the head, waiting for
   * other threads; and those that the runtime's other threads worked.
   */
  stepTimes(): {
    readonly products: number;
    readonly attention: number;
    readonly head: number;
    readonly waiting: number;
    readonly others: number;
  };
  /** Ends the threads and lets go of files and caches. Calling it twice does nothing; any other call after it throws. */
  close(): void;
}
