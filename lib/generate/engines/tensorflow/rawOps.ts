// TensorFlow's operations by number: tensors of types that TensorFlow.js has no name for (bfloat16, half) live in the binding
// only. Whoever makes one deletes it.

import type { Tensor, TensorInfo } from "@tensorflow/tfjs-core";
import type { Binding, OpAttribute, OpOutput, Tensorflow, TensorflowBackend } from "./loadTensorflow.js";

/** Numbers of TensorFlow's types. @see tensorflow/c/tf_datatype.h */
export const TF_TYPE = { FLOAT: 1, INT32: 3, UINT8: 4, BFLOAT16: 14, HALF: 19 } as const;
export type FloatType = (typeof TF_TYPE)["FLOAT" | "BFLOAT16" | "HALF"];

/** Numbers of the binding's kinds of attributes. @see tensorflow/c/tf_attrtype.h */
const ATTRIBUTE = { BOOL: 3, TYPE: 4 } as const;

/** A tensor of the binding. */
export interface RawTensor {
  readonly id: number;
  readonly type: FloatType;
}

export class RawOps {
  private readonly binding: Binding;
  private readonly backend: TensorflowBackend;
  /** Attributes never change, so they are made once. */
  private readonly attributes = new Map<string, readonly OpAttribute[]>();
  private zero: number | undefined;

  constructor({ binding, backend }: Pick<Tensorflow, "binding" | "backend">) {
    this.binding = binding;
    this.backend = backend;
  }

  /** A tensor of these values as they lie in a file, little-endian. No value is converted. */
  upload(bytes: Uint8Array, type: FloatType, shape: readonly number[]): RawTensor {
    if (type === TF_TYPE.FLOAT) {
      const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
      const values = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
      return { id: this.binding.createTensor(shape, type, values), type };
    }
    const plain = this.binding.createTensor([...shape, 2], TF_TYPE.UINT8, bytes);
    try {
      return { id: this.execute("Bitcast", { T: TF_TYPE.UINT8, type }, [plain]), type };
    } finally {
      this.binding.deleteTensor(plain);
    }
  }

  delete({ id }: RawTensor): void {
    this.binding.deleteTensor(id);
  }

  /** A new tensor, also where the type is the same already. */
  cast(x: RawTensor, type: FloatType): RawTensor {
    return { id: this.execute("Cast", { SrcT: x.type, DstT: type }, [x.id]), type };
  }

  /** a b, or a b^T, of matrices of one type. */
  matMul(a: RawTensor, b: RawTensor, transposeB: boolean): RawTensor {
    const attributes = { transpose_a: false, transpose_b: transposeB, T: a.type };
    return { id: this.execute("MatMul", attributes, [a.id, b.id]), type: a.type };
  }

  /** Rows of a matrix; indices are within it. */
  gather(table: RawTensor, rows: Int32Array): RawTensor {
    this.zero ??= this.binding.createTensor([], TF_TYPE.INT32, Int32Array.of(0));
    const indices = this.binding.createTensor([rows.length], TF_TYPE.INT32, rows);
    try {
      const attributes = { Tparams: table.type, Tindices: TF_TYPE.INT32, Taxis: TF_TYPE.INT32 };
      return { id: this.execute("GatherV2", attributes, [table.id, indices, this.zero]), type: table.type };
    } finally {
      this.binding.deleteTensor(indices);
    }
  }

  /** The number behind a float32 tensor of TensorFlow.js, which goes on owning it. */
  borrow(x: TensorInfo): RawTensor {
    return { id: this.backend.getInputTensorIds([x])[0] as number, type: TF_TYPE.FLOAT };
  }

  /** A float32 tensor as one of TensorFlow.js, which owns it from now on. */
  give<T extends Tensor>(x: RawTensor, shape: number[]): T {
    return this.backend.createOutputTensor({ id: x.id, dtype: x.type, shape }) as T;
  }

  dispose(): void {
    if (this.zero !== undefined) this.binding.deleteTensor(this.zero);
    this.zero = undefined;
  }

  /** Runs an operation with one result. Attributes are types (numbers) and switches. */
  private execute(
    name: string,
    attributes: Readonly<Record<string, number | boolean>>,
    inputs: readonly number[],
  ): number {
    const key = `${name} ${Object.values(attributes).join(" ")}`;
    let made = this.attributes.get(key);
    if (made === undefined) {
      made = Object.entries(attributes).map(([attribute, value]) => ({
        name: attribute,
        type: typeof value === "boolean" ? ATTRIBUTE.BOOL : ATTRIBUTE.TYPE,
        value,
      }));
      this.attributes.set(key, made);
    }
    return (this.binding.executeOp(name, made, inputs, 1)[0] as OpOutput).id;
  }
}
