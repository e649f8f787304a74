// The files that a plan reads, by number.

import type { NativeEncoding, NativeInput, NativeRange } from "../addon/nativePlan.js";
import { elementsOf } from "../checkpoint/elementsOf.js";
import type { Checkpoint, StoredRange, StoredTensor } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";

/** Numbers the files that are read; the same file of two checkpoints is one input. */
export class InputFiles {
  readonly #numbers = new Map<string, number>();
  readonly list: NativeInput[] = [];

  range(
    checkpoint: Checkpoint,
    from: "model" | "adapter",
    { file, offset, dtype, shape, encoding }: StoredTensor,
  ): NativeRange {
    const inputOf = (number: number) => this.#inputOf(checkpoint, from, number);
    const range = { input: inputOf(file), offset, dtype, count: elementsOf({ shape }) };
    return encoding ? { ...range, encoding: nativeEncoding(encoding, inputOf) } : range;
  }

  #inputOf(checkpoint: Checkpoint, from: "model" | "adapter", file: number): number {
    const files = from === "model" ? checkpoint.files : (checkpoint.adapter?.files ?? []);
    const stored = files[file];
    if (!stored) throw new RetemperError("INTERNAL", `${checkpoint.reference} has no file ${file}`);
    let input = this.#numbers.get(stored.path);
    if (input === undefined) {
      input = this.list.length;
      this.#numbers.set(stored.path, input);
      this.list.push({ path: stored.path, size: stored.size, inode: stored.inode, mtimeNs: stored.mtimeNs });
    }
    return input;
  }
}

/** An encoding whose ranges name inputs of a plan in place of a checkpoint's files. */
function nativeEncoding(encoding: NativeEncoding<StoredRange>, inputOf: (file: number) => number): NativeEncoding {
  const { codes, ...rest } = encoding;
  if (!codes) return rest;
  const range = ({ file, ...place }: StoredRange): NativeRange => ({ input: inputOf(file), ...place });
  const { scale, zero, groupOfColumn, nested, ...plain } = codes;
  return {
    ...rest,
    codes: {
      ...plain,
      scale: { ...scale, range: range(scale.range) },
      ...(zero && { zero: { ...zero, range: range(zero.range) } }),
      ...(groupOfColumn && { groupOfColumn: range(groupOfColumn) }),
      ...(nested && { nested: { ...nested, absmax: range(nested.absmax) } }),
    },
  };
}
