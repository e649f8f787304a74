// TensorFlow's side of the operations: weights lie in TensorFlow's memory as the file has them, or widened to float32 where
// that is faster and fits, and are multiplied by number.

import type { Addon } from "../../../addon/surface.js";
import type { StoredFile } from "../../../checkpoint/types.js";
import { BlockCache } from "../../ops/blockCache.js";
import type { Runtime } from "../../ops/runtime.js";
import type { CacheShape, Matrix, Norm, Weight } from "../../ops/specs.js";
import { add, customGrad, keep, type Tensor, type Tensor1D, type Tensor2D, tidy } from "../../tensorflowCore.js";
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
  readonly ops: RawOps;
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
    const times = (factor: Tensor2D, backwards: boolean) =>
      this.ops.arena(() => {
        const y = this.multiply(this.operand(this.ops.borrow(factor)), matrix, backwards);
        return this.ops.give<Tensor2D>(y, [factor.shape[0], backwards ? matrix.in : matrix.out]);
      });
    const multiply = customGrad<Tensor2D>((input) => ({
      value: times(input as Tensor2D, false),
      gradFunc: (dy) => times(dy as Tensor2D, true),
    }));
    const { bias } = matrix;
    return bias ? tidy(() => add<Tensor2D>(multiply(x), this.vector(bias))) : multiply(x);
  }

  /** An activation as products take it: in the type that they are computed in. */
  operand(x: RawTensor): RawTensor {
    return x.type === this.policy.computed ? x : this.ops.cast(x, this.policy.computed);
  }

  /** x W^T + bias of an operand, as float32. */
  product(x: RawTensor, matrix: Matrix): RawTensor {
    const y = this.multiply(x, matrix, false);
    return matrix.bias ? this.ops.binary("AddV2", y, this.ops.borrow(this.vector(matrix.bias))) : y;
  }

  /** What a normalised value is multiplied by. */
  gain({ weight, plusOne }: Norm): RawTensor {
    if (!plusOne) return this.ops.borrow(this.vector(weight));
    const key = `1 + ${weight.name}`;
    let found = this.vectors.get(key);
    if (found === undefined) {
      found = keep(add(this.vector(weight), 1));
      this.vectors.set(key, found);
    }
    return this.ops.borrow(found);
  }

  vector(weight: Weight): Tensor1D {
    let found = this.vectors.get(weight.name);
    if (found === undefined) {
      found = keep(this.ops.give(this.ops.turnInto(TF_TYPE.FLOAT, this.read(weight)), [...weight.shape]));
      this.vectors.set(weight.name, found);
    }
    return found as Tensor1D;
  }

  gather(table: Weight, ids: Int32Array): Tensor2D {
    const rows = this.ops.gather(this.matrix(table), ids);
    return this.ops.give(this.ops.turnInto(TF_TYPE.FLOAT, rows), [ids.length, table.shape[1] as number]);
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

  /** x W^T, or backwards y W, as float32. */
  private multiply(x: RawTensor, { weight, layout }: Matrix, backwards: boolean): RawTensor {
    const kept = this.matrix(weight);
    const factor = kept.type === this.policy.computed ? kept : this.ops.cast(kept, this.policy.computed);
    const y = this.ops.matMul(x, factor, (layout === "out-in") !== backwards);
    if (factor !== kept) this.ops.delete(factor); // it may be large: not first when the arena ends
    return this.ops.turnInto(TF_TYPE.FLOAT, y);
  }

  private matrix(weight: Weight): RawTensor {
    const key = weight.rows ? `${weight.name} ${weight.rows.join(" ")}` : weight.name;
    let found = this.matrices.get(key);
    if (found === undefined) {
      const stored = this.read(weight);
      found = this.policy.kept === "stored" ? stored : this.ops.turnInto(this.policy.kept, stored);
      this.ops.hold(found);
      this.matrices.set(key, found);
    }
    return found;
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
