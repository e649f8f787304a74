// Factors that are made but whose place in the adapter is not known yet: ranks of later tensors decide about its header.

import { type FileHandle, open } from "node:fs/promises";
import { ioError } from "../../files/ioError.js";
import { readFloats } from "./engineTensors.js";

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

  /** Appends values; what it returns reads them again. */
  async keep(values: Float32Array): Promise<() => Promise<Float32Array>> {
    const offset = this.#size;
    try {
      await this.#handle.appendFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    } catch (error) {
      throw ioError(error, this.#path, "cannot write");
    }
    this.#size += values.byteLength;
    return async () => {
      try {
        return await readFloats(this.#handle, offset, values.length);
      } catch (error) {
        throw ioError(error, this.#path, "cannot read");
      }
    };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
