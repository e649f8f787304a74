// A TensorFlow.js backend whose tensors are plain Float32Arrays, as those of TensorFlow.js's own CPU backend are, so that
// every ordinary op works on it; results of our kernels get buffers that were used before.

import { type DataType, engine, type Tensor2D, type TensorInfo } from "../../tensorflowCore.js";
import { MathBackendCPU } from "../../tensorflowCpu.js";

type Values = Parameters<MathBackendCPU["write"]>[0];
type DataId = TensorInfo["dataId"];

/** Bytes of idle buffers that are kept, by default. */
const MOST_IDLE = 64 * 2 ** 20;

export class NativeBackend extends MathBackendCPU {
  /** Buffers of tensors that nobody has read: nobody but this backend knows them, so they can be used again. */
  readonly #owned = new WeakSet<ArrayBufferLike>();
  /** Idle ones by size; the size that was used last comes last. */
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;
  /** Bytes of idle buffers that are kept at most. */
  mostIdle = MOST_IDLE;

  /**
   * A new float32 tensor for a kernel to write; what is in it is arbitrary.
   * @param room values that its buffer has room for at least, so that it can be used again for larger ones
   */
  output(shape: number[], room = 0): { readonly info: TensorInfo; readonly values: Float32Array } {
    const size = shape.reduce((product, n) => product * n, 1);
    const buffer = this.#take(sizeClass(4 * Math.max(size, room)));
    const values = new Float32Array(buffer, 0, size);
    this.#owned.add(buffer);
    return { info: this.#register(values, shape), values };
  }

  /** A tensor over an array that stays the caller's; it must not change while the tensor lives. */
  over(values: Float32Array, shape: number[]): TensorInfo {
    return this.#register(values, shape);
  }

  /** The array behind a float32 tensor, valid while the tensor lives. */
  valuesOf({ dataId }: TensorInfo): Float32Array {
    return this.data.get(dataId).values as Float32Array;
  }

  /** Ordinary kernels make tensors of what they computed, but also of parts of their inputs: those are copied. */
  override write(values: Values, shape: number[], dtype: DataType): DataId {
    const isPart = ArrayBuffer.isView(values) && this.#owned.has(values.buffer);
    return super.write(isPart ? (values as Float32Array).slice() : values, shape, dtype);
  }

  /** The array may be kept by whoever reads it, so its buffer is not used again. */
  override readSync(dataId: object): ReturnType<MathBackendCPU["readSync"]> {
    const { values } = this.data.get(dataId);
    if (ArrayBuffer.isView(values)) this.#owned.delete(values.buffer);
    return super.readSync(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    const values = this.data.has(dataId) ? this.data.get(dataId).values : undefined;
    const isGone = super.disposeData(dataId, force);
    if (isGone && ArrayBuffer.isView(values) && this.#owned.delete(values.buffer)) {
      this.#keep(values.buffer as ArrayBuffer);
    }
    return isGone;
  }

  override dispose(): void {
    this.#idle.clear();
    this.#idleBytes = 0;
  }

  /** Bytes of buffers that wait to be used again. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  #register(values: Float32Array, shape: number[]): TensorInfo {
    return { dataId: super.write(values, shape, "float32"), shape, dtype: "float32" };
  }

  #take(size: number): ArrayBuffer {
    const buffer = this.#idle.get(size)?.pop();
    if (buffer === undefined) return new ArrayBuffer(size);
    this.#idleBytes -= size;
    return buffer;
  }

  #keep(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    const same = this.#idle.get(size) ?? [];
    this.#idle.delete(size);
    this.#idle.set(size, same);
    same.push(buffer);
    this.#idleBytes += size;
    for (const [other, buffers] of this.#idle) {
      if (this.#idleBytes <= this.mostIdle) break;
      this.#idleBytes -= other * buffers.length;
      this.#idle.delete(other);
    }
  }
}

/** Steps differ by a few rows; their buffers fit each other. Four sizes from one power of two to the next. */
function sizeClass(bytes: number): number {
  if (bytes <= 64) return 64;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

/** The backend of the tensors that kernels get. */
export function currentBackend(): NativeBackend {
  return engine().backend as NativeBackend;
}

/** A kernel's result as a tensor of the engine. */
export function tensorOf(info: TensorInfo): Tensor2D {
  return engine().makeTensorFromTensorInfo(info) as Tensor2D;
}
