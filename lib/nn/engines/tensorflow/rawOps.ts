// TensorFlow's operations by number. Tensors of types that TensorFlow.js has no name for (bfloat16, half) live in the binding
// only; and an operation by number costs a third of one that goes through TensorFlow.js's engine.

import type { Tensor, TensorInfo } from "@tensorflow/tfjs-core";
import type { Binding, OpAttribute, OpOutput, Tensorflow, TensorflowBackend } from "./loadTensorflow.js";

/** Numbers of TensorFlow's types. @see tensorflow/c/tf_datatype.h */
export const TF_TYPE = { FLOAT: 1, INT32: 3, UINT8: 4, BFLOAT16: 14, HALF: 19 } as const;
export type FloatType = (typeof TF_TYPE)["FLOAT" | "BFLOAT16" | "HALF"];

/** Numbers of the binding's kinds of attributes. @see tensorflow/c/tf_attrtype.h */
const ATTRIBUTE = { INT: 1, BOOL: 3, TYPE: 4 } as const;

/** Shapes that are kept for their next use. */
const SHAPES = 64;

/** A tensor of the binding. */
export interface RawTensor {
  readonly id: number;
  readonly type: FloatType;
}

/** Values of an operation's attributes: a type's number, a switch, or a count. */
type Attributes = Readonly<Record<string, number | boolean | { readonly count: number }>>;

/**
 * Every operation makes a new tensor, which its caller frees; or the arena does, for what is made within `arena`.
 */
export class RawOps {
  private readonly binding: Binding;
  private readonly backend: TensorflowBackend;
  /** Attributes never change, so they are made once. */
  private readonly attributes = new Map<string, readonly OpAttribute[]>();
  private readonly constants = new Map<string, number>();
  private readonly shapes = new Map<string, number>();
  /** What was made in the innermost arena. */
  private made: Set<number> | undefined;

  constructor({ binding, backend }: Pick<Tensorflow, "binding" | "backend">) {
    this.binding = binding;
    this.backend = backend;
  }

  /** Frees everything that `work` makes, but for what leaves it by `give`. */
  arena<T>(work: () => T): T {
    const outer = this.made;
    const made = new Set<number>();
    this.made = made;
    try {
      return work();
    } finally {
      this.made = outer;
      for (const id of made) this.binding.deleteTensor(id);
    }
  }

  delete({ id }: RawTensor): void {
    this.made?.delete(id);
    this.binding.deleteTensor(id);
  }

  /** Takes what was made in the arena out of it: it is freed by `delete` then. */
  hold({ id }: RawTensor): void {
    this.made?.delete(id);
  }

  /** The number behind a float32 tensor of TensorFlow.js, which goes on owning it. */
  borrow(x: TensorInfo): RawTensor {
    return { id: this.backend.getInputTensorIds([x])[0] as number, type: TF_TYPE.FLOAT };
  }

  /** A float32 tensor as one of TensorFlow.js, which owns it from now on. `shape` is its own. */
  give<T extends Tensor>(x: RawTensor, shape: number[]): T {
    this.made?.delete(x.id);
    return this.backend.createOutputTensor({ id: x.id, dtype: x.type, shape }) as T;
  }

  /** A tensor of these values as they lie in a file, little-endian. No value is converted. */
  upload(bytes: Uint8Array, type: FloatType, shape: readonly number[]): RawTensor {
    if (type === TF_TYPE.FLOAT) {
      const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
      const values = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
      return { id: this.note(this.binding.createTensor(shape, type, values)), type };
    }
    const plain = this.binding.createTensor([...shape, 2], TF_TYPE.UINT8, bytes);
    try {
      return this.run("Bitcast", { T: TF_TYPE.UINT8, type }, [plain], type);
    } finally {
      this.binding.deleteTensor(plain);
    }
  }

  /** A new tensor, also where the type is the same already. */
  cast(x: RawTensor, type: FloatType): RawTensor {
    return this.run("Cast", { SrcT: x.type, DstT: type }, [x.id], type);
  }

  /** x, or in another type; then x is used up. */
  turnInto(type: FloatType, x: RawTensor): RawTensor {
    if (x.type === type) return x;
    try {
      return this.cast(x, type);
    } finally {
      this.delete(x);
    }
  }

  /** a b, or a b^T, of matrices of one type. */
  matMul(a: RawTensor, b: RawTensor, transposeB: boolean): RawTensor {
    const attributes = { transpose_a: false, transpose_b: transposeB, T: a.type };
    return this.run("MatMul", attributes, [a.id, b.id], a.type);
  }

  /** The same of stacks of matrices. */
  batchMatMul(a: RawTensor, b: RawTensor, transposeB: boolean): RawTensor {
    return this.run("BatchMatMulV2", { adj_x: false, adj_y: transposeB, T: a.type }, [a.id, b.id], a.type);
  }

  /** Rows of a matrix; indices are within it. */
  gather(table: RawTensor, rows: Int32Array): RawTensor {
    const indices = this.binding.createTensor([rows.length], TF_TYPE.INT32, rows);
    try {
      return this.gatherBy(table, indices);
    } finally {
      this.binding.deleteTensor(indices);
    }
  }

  /** The same by the number of an int32 tensor. */
  gatherBy(table: RawTensor, indices: number): RawTensor {
    const attributes = { Tparams: table.type, Tindices: TF_TYPE.INT32, Taxis: TF_TYPE.INT32 };
    return this.run("GatherV2", attributes, [table.id, indices, this.constantInts(0)], table.type);
  }

  unary(name: "Square" | "Rsqrt" | "Sigmoid" | "Tanh" | "Erf" | "Relu" | "Softmax", x: RawTensor): RawTensor {
    return this.run(name, { T: x.type }, [x.id], x.type);
  }

  /** Broadcasts. A number is a constant, kept for the next use. */
  binary(name: "AddV2" | "Mul" | "Sub" | "RealDiv", a: RawTensor, b: RawTensor | number): RawTensor {
    const second = typeof b === "number" ? this.constantFloat(b) : b.id;
    return this.run(name, { T: a.type }, [a.id, second], a.type);
  }

  /** cap * tanh(x / cap) */
  softcap(x: RawTensor, cap: number): RawTensor {
    return this.binary("Mul", this.unary("Tanh", this.binary("RealDiv", x, cap)), cap);
  }

  /** Over the last dimension, which stays with size 1. */
  mean(x: RawTensor): RawTensor {
    const attributes = { keep_dims: true, T: x.type, Tidx: TF_TYPE.INT32 };
    return this.run("Mean", attributes, [x.id, this.constantInts([-1])], x.type);
  }

  reshape(x: RawTensor, shape: readonly number[]): RawTensor {
    return this.run("Reshape", { T: x.type, Tshape: TF_TYPE.INT32 }, [x.id, this.ints(shape)], x.type);
  }

  transpose(x: RawTensor, order: readonly number[]): RawTensor {
    return this.run("Transpose", { T: x.type, Tperm: TF_TYPE.INT32 }, [x.id, this.constantInts(order)], x.type);
  }

  concat(parts: readonly RawTensor[], axis: number): RawTensor {
    const [first] = parts;
    if (first === undefined) throw new Error("nothing to put together");
    if (parts.length === 1) return first;
    const attributes = { N: { count: parts.length }, T: first.type, Tidx: TF_TYPE.INT32 };
    return this.run("ConcatV2", attributes, [...parts.map(({ id }) => id), this.constantInts(axis)], first.type);
  }

  /** Pieces of these sizes along a dimension. */
  split(x: RawTensor, sizes: readonly number[], axis: number): RawTensor[] {
    if (sizes.length === 1) return [x];
    const attributes = { num_split: { count: sizes.length }, T: x.type, Tlen: TF_TYPE.INT32 };
    const inputs = [x.id, this.ints(sizes), this.constantInts(axis)];
    const outputs = this.execute("SplitV", attributes, inputs, sizes.length);
    return outputs.map(({ id }) => ({ id: this.note(id), type: x.type }));
  }

  dispose(): void {
    for (const id of this.constants.values()) this.binding.deleteTensor(id);
    this.constants.clear();
    this.forgetShapes();
  }

  /** A shape or sizes: the layers of a step, and often the next steps, ask for the same ones. */
  private ints(values: readonly number[]): number {
    const key = values.join();
    let id = this.shapes.get(key);
    if (id === undefined) {
      if (this.shapes.size === SHAPES) this.forgetShapes();
      id = this.binding.createTensor([values.length], TF_TYPE.INT32, Int32Array.from(values));
      this.shapes.set(key, id);
    }
    return id;
  }

  private forgetShapes(): void {
    for (const id of this.shapes.values()) this.binding.deleteTensor(id);
    this.shapes.clear();
  }

  /** A number or a list that many operations take. */
  private constantInts(values: number | readonly number[]): number {
    const list = typeof values === "number" ? [values] : values;
    const shape = typeof values === "number" ? [] : [values.length];
    return this.constant(`${shape} ${list}`, () =>
      this.binding.createTensor(shape, TF_TYPE.INT32, Int32Array.from(list)),
    );
  }

  private constantFloat(value: number): number {
    return this.constant(`float ${value}`, () => this.binding.createTensor([], TF_TYPE.FLOAT, Float32Array.of(value)));
  }

  private constant(key: string, make: () => number): number {
    let id = this.constants.get(key);
    if (id === undefined) {
      id = make();
      this.constants.set(key, id);
    }
    return id;
  }

  private note(id: number): number {
    this.made?.add(id);
    return id;
  }

  private run(name: string, attributes: Attributes, inputs: readonly number[], type: FloatType): RawTensor {
    return { id: this.note((this.execute(name, attributes, inputs, 1)[0] as OpOutput).id), type };
  }

  private execute(name: string, attributes: Attributes, inputs: readonly number[], outputs: number): OpOutput[] {
    let key = name;
    for (const attribute in attributes) {
      const value = attributes[attribute] as Attributes[string];
      key += ` ${typeof value === "object" ? value.count : value}`;
    }
    let made = this.attributes.get(key);
    if (made === undefined) {
      made = Object.entries(attributes).map(([attribute, value]) => {
        if (typeof value === "object") return { name: attribute, type: ATTRIBUTE.INT, value: value.count };
        return { name: attribute, type: typeof value === "boolean" ? ATTRIBUTE.BOOL : ATTRIBUTE.TYPE, value };
      });
      this.attributes.set(key, made);
    }
    return this.binding.executeOp(name, made, inputs, outputs);
  }
}
