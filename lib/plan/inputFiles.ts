// The files that a plan reads, by number.

import type { NativeInput, NativeRange } from "../addon/nativePlan.js";
import type { Checkpoint, StoredTensor } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { elementCount } from "./shards.js";

/** Numbers the files that are read; the same file of two checkpoints is one input. */
export class InputFiles {
  readonly #numbers = new Map<string, number>();
  readonly list: NativeInput[] = [];

  range(
    checkpoint: Checkpoint,
    from: "model" | "adapter",
    { file, offset, dtype, shape, encoding }: StoredTensor,
  ): NativeRange {
    const files = from === "model" ? checkpoint.files : (checkpoint.adapter?.files ?? []);
    const stored = files[file];
    if (!stored) throw new RetemperError("INTERNAL", `${checkpoint.reference} has no file ${file}`);
    let input = this.#numbers.get(stored.path);
    if (input === undefined) {
      input = this.list.length;
      this.#numbers.set(stored.path, input);
      this.list.push({ path: stored.path, size: stored.size, inode: stored.inode, mtimeNs: stored.mtimeNs });
    }
    return { input, offset, dtype, count: elementCount(shape), ...(encoding && { encoding }) };
  }
}
