// Factors that are made but whose place in the adapter is not known yet: ranks of later tensors decide about its header.

import { type FileHandle, open } from "node:fs/promises";
import type { NativeInput } from "../../addon/nativePlan.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { writeAll } from "../../files/writeAll.js";
import { readFloats } from "./engineTensors.js";

const PIECE_BYTES = 1 << 20;

/** Runs of float32 values in a file that grows. */
export class ScratchFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #size = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** @throws RetemperError IO, NO_SPACE */
  static async open(path: string): Promise<ScratchFile> {
    const handle = await open(path, "wx+").catch((error: unknown) => {
      throw ioError(error, path, "cannot write");
    });
    return new ScratchFile(path, handle);
  }

  /** This file, as the input of a plan over the values that it holds by now. */
  async input(): Promise<NativeInput> {
    try {
      const { size, ino, mtimeNs } = await this.#handle.stat({ bigint: true });
      return { path: this.#path, size: Number(size), inode: String(ino), mtimeNs: String(mtimeNs) };
    } catch (error) {
      throw ioError(error, this.#path, "cannot read");
    }
  }

  /** Appends values; what it returns reads them again. */
  async keep(values: Float32Array): Promise<() => Promise<Float32Array>> {
    const { offset, read } = this.reserve(values.length);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    try {
      await writeAll(this.#handle, bytes, offset);
    } catch (error) {
      throw ioError(error, this.#path, "cannot write");
    }
    return read;
  }

  /** Where the next values will lie: for someone else who writes them, and knows how many when they are there. */
  end(): { readonly path: string; readonly offset: number } {
    return { path: this.#path, offset: this.#size };
  }

  /** Room for values that someone else writes, before they are read: as a whole, or the bytes in pieces. */
  reserve(count: number): {
    readonly path: string;
    readonly offset: number;
    readonly read: () => Promise<Float32Array>;
    readonly pieces: () => AsyncIterable<Uint8Array>;
  } {
    const offset = this.#size;
    this.#size += 4 * count;
    const read = async () => {
      try {
        return await readFloats(this.#handle, offset, count);
      } catch (error) {
        throw ioError(error, this.#path, "cannot read");
      }
    };
    return { path: this.#path, offset, read, pieces: () => this.#pieces(offset, 4 * count) };
  }

  /** Each piece is valid until the next one is asked for. */
  async *#pieces(offset: number, bytes: number): AsyncIterable<Uint8Array> {
    const buffer = Buffer.alloc(Math.min(PIECE_BYTES, bytes));
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await this.#handle
        .read(buffer, 0, Math.min(buffer.length, bytes - done), offset + done)
        .catch((error: unknown) => {
          throw ioError(error, this.#path, "cannot read");
        });
      if (bytesRead === 0) throw new RetemperError("IO", "the file ends early", { file: this.#path });
      yield buffer.subarray(0, bytesRead);
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
