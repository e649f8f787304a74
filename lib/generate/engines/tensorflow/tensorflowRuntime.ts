// TensorFlow's side of the operations: weights lie in TensorFlow's memory as the file has them, or widened to float32 where
// that is faster and fits, and are multiplied by number.

import { add, customGrad, keep, type Tensor, type Tensor1D, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import type { Addon } from "../../../addon/surface.js";
import type { StoredFile } from "../../../checkpoint/types.js";
import { BlockCache } from "../../ops/blockCache.js";
import type { Runtime } from "../../ops/runtime.js";
import type { CacheShape, Matrix, Weight } from "../../ops/specs.js";
import { type FloatType, type RawOps, type RawTensor, TF_TYPE } from "./rawOps.js";

/** How weights are kept and multiplied. */
export interface WeightPolicy {
  /** What products are computed in: float32, or bfloat16 with float32 sums. */
  readonly computed: typeof TF_TYPE.FLOAT | typeof TF_TYPE.BFLOAT16;
  /** What matrices are kept in; "stored": as the file has them, widened anew for every use where they must be. */
  readonly kept: typeof TF_TYPE.FLOAT | typeof TF_TYPE.BFLOAT16 | "stored";
}

const STORED_TYPES: Readonly<Record<string, FloatType>> = {
  F32: TF_TYPE.FLOAT,
  BF16: TF_TYPE.BFLOAT16,
  F16: TF_TYPE.HALF,
};

export class TensorflowRuntime implements Runtime {
  private readonly ops: RawOps;
  private readonly files: readonly StoredFile[];
  private readonly addon: Pick<Addon, "readBytes">;
  private readonly policy: WeightPolicy;
  private readonly matrices = new Map<string, RawTensor>();
  private readonly vectors = new Map<string, Tensor>();

  /** `files`: those of the checkpoint that the weights are stored in. */
  constructor(ops: RawOps, files: readonly StoredFile[], addon: Pick<Addon, "readBytes">, policy: WeightPolicy) {
    this.ops = ops;
    this.files = files;
    this.addon = addon;
    this.policy = policy;
  }

  /** Differentiable with respect to x: dx = dy W. The weight is no tensor of TensorFlow.js, and stays as it is. */
  linear(x: Tensor2D, matrix: Matrix): Tensor2D {
    const { weight, layout, bias } = matrix;
    const transposed = layout === "out-in";
    const multiply = customGrad<Tensor2D>((input) => ({
      value: this.product(input as Tensor2D, weight, transposed, matrix.out),
      gradFunc: (dy) => this.product(dy as Tensor2D, weight, !transposed, matrix.in),
    }));
    return bias ? tidy(() => add<Tensor2D>(multiply(x), this.vector(bias))) : multiply(x);
  }

  vector(weight: Weight): Tensor1D {
    let found = this.vectors.get(weight.name);
    if (found === undefined) {
      const stored = this.read(weight);
      found = keep(this.ops.give(this.to(TF_TYPE.FLOAT, stored), [...weight.shape]));
      this.vectors.set(weight.name, found);
    }
    return found as Tensor1D;
  }

  gather(table: Weight, ids: Int32Array): Tensor2D {
    const rows = this.ops.gather(this.matrix(table), ids);
    return this.ops.give(this.to(TF_TYPE.FLOAT, rows), [ids.length, table.shape[1] as number]);
  }

  createCache(shape: CacheShape): BlockCache {
    return new BlockCache(shape);
  }

  /** Brings a weight into TensorFlow's memory now, not when it is first used. */
  load(weight: Weight): void {
    if (weight.shape.length === 1) this.vector(weight);
    else this.matrix(weight);
  }

  dispose(): void {
    for (const matrix of this.matrices.values()) this.ops.delete(matrix);
    for (const vector of this.vectors.values()) vector.dispose();
    this.matrices.clear();
    this.vectors.clear();
    this.ops.dispose();
  }

  /** x W, or x W^T, as float32. */
  private product(x: Tensor2D, weight: Weight, transposed: boolean, width: number): Tensor2D {
    const { computed } = this.policy;
    const kept = this.matrix(weight);
    const borrowed = this.ops.borrow(x);
    const made: RawTensor[] = [];
    const as = (tensor: RawTensor) => {
      if (tensor.type === computed) return tensor;
      const cast = this.ops.cast(tensor, computed);
      made.push(cast);
      return cast;
    };
    try {
      const y = this.ops.matMul(as(borrowed), as(kept), transposed);
      return this.ops.give(this.to(TF_TYPE.FLOAT, y), [x.shape[0], width]);
    } finally {
      for (const tensor of made) this.ops.delete(tensor);
    }
  }

  private matrix(weight: Weight): RawTensor {
    const key = weight.rows ? `${weight.name} ${weight.rows.join(" ")}` : weight.name;
    let found = this.matrices.get(key);
    if (found === undefined) {
      const stored = this.read(weight);
      found = this.policy.kept === "stored" ? stored : this.to(this.policy.kept, stored);
      this.matrices.set(key, found);
    }
    return found;
  }

  /** In another type; the tensor that was given is used up. */
  private to(type: FloatType, tensor: RawTensor): RawTensor {
    if (tensor.type === type) return tensor;
    try {
      return this.ops.cast(tensor, type);
    } finally {
      this.ops.delete(tensor);
    }
  }

  private read({ stored, rows, shape }: Weight): RawTensor {
    const { path } = this.files[stored.file] as StoredFile;
    const row = stored.bytes / (stored.shape[0] as number);
    const [begin, end] = rows
      ? [stored.offset + rows[0] * row, stored.offset + rows[1] * row]
      : [stored.offset, stored.offset + stored.bytes];
    const bytes = this.addon.readBytes(path, begin, end);
    return this.ops.upload(bytes, STORED_TYPES[stored.dtype] as FloatType, shape);
  }
}
