// The slow reference: every weight as a float32 tensor of the current TensorFlow.js backend, read when it is first used.

import type { Addon } from "../../../addon/surface.js";
import type { StoredFile } from "../../../checkpoint/types.js";
import { BlockCache } from "../../ops/blockCache.js";
import type { Runtime } from "../../ops/runtime.js";
import type { CacheShape, Matrix, Weight } from "../../ops/specs.js";
import {
  add,
  gather as gatherRows,
  keep,
  matMul,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tensor,
  tensor1d,
  tidy,
} from "../../tensorflowCore.js";
import { widen } from "./widen.js";

export class ReferenceRuntime implements Runtime {
  private readonly files: readonly StoredFile[];
  private readonly addon: Pick<Addon, "readBytes">;
  private readonly tensors = new Map<string, Tensor>();

  /** `files`: those of the checkpoint that the weights are stored in. */
  constructor(files: readonly StoredFile[], addon: Pick<Addon, "readBytes">) {
    this.files = files;
    this.addon = addon;
  }

  linear(x: Tensor2D, { weight, layout, bias }: Matrix): Tensor2D {
    return tidy<Tensor2D>(() => {
      const y: Tensor2D = matMul(x, this.tensor(weight) as Tensor2D, false, layout === "out-in");
      return bias ? add<Tensor2D>(y, this.tensor(bias)) : y;
    });
  }

  vector(weight: Weight): Tensor1D {
    return this.tensor(weight) as Tensor1D;
  }

  gather(table: Weight, ids: Int32Array): Tensor2D {
    return tidy(() => gatherRows(this.tensor(table) as Tensor2D, tensor1d(ids, "int32")));
  }

  createCache(shape: CacheShape): BlockCache {
    return new BlockCache(shape);
  }

  dispose(): void {
    for (const kept of this.tensors.values()) kept.dispose();
    this.tensors.clear();
  }

  private tensor(weight: Weight): Tensor {
    const key = weight.rows ? `${weight.name} ${weight.rows.join(" ")}` : weight.name;
    let found = this.tensors.get(key);
    if (!found) {
      found = keep(tensor(this.read(weight), [...weight.shape], "float32"));
      this.tensors.set(key, found);
    }
    return found;
  }

  private read({ stored, rows }: Weight): Float32Array {
    const { path } = this.files[stored.file] as StoredFile;
    const row = stored.bytes / (stored.shape[0] as number);
    const [begin, end] = rows
      ? [stored.offset + rows[0] * row, stored.offset + rows[1] * row]
      : [stored.offset, stored.offset + stored.bytes];
    return widen(this.addon.readBytes(path, begin, end), stored.dtype);
  }
}
