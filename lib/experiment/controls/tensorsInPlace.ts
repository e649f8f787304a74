// A checkpoint's tensors of float32, read and written where they lie in its files.

import { type FileHandle, open } from "node:fs/promises";
import type { Checkpoint, StoredTensor } from "../../checkpoint/types.js";
import { ioError } from "../../files/ioError.js";
import { writeAll } from "../../files/writeAll.js";
import { KEPT } from "../../files/writeWhole.js";

export class TensorsInPlace {
  readonly #handles: readonly FileHandle[];
  readonly #paths: readonly string[];

  private constructor(handles: readonly FileHandle[], paths: readonly string[]) {
    this.#handles = handles;
    this.#paths = paths;
  }

  /** @throws RetemperError IO */
  static async open({ files }: Checkpoint): Promise<TensorsInPlace> {
    const handles: FileHandle[] = [];
    const paths = files.map(({ path }) => path);
    for (const path of paths) {
      handles.push(
        await open(path, "r+").catch((error: unknown) => {
          throw ioError(error, path, "cannot be changed", KEPT);
        }),
      );
    }
    return new TensorsInPlace(handles, paths);
  }

  /** Of a tensor of float32. */
  async read({ file, offset, bytes }: StoredTensor): Promise<Float32Array> {
    const buffer = new Uint8Array(bytes);
    await this.#attempt(file, async (handle) => {
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await handle.read(buffer, done, bytes - done, offset + done);
        if (bytesRead === 0) throw new Error("it ends too early");
        done += bytesRead;
      }
    });
    return new Float32Array(buffer.buffer);
  }

  async write({ file, offset }: StoredTensor, values: Float32Array): Promise<void> {
    const buffer = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    await this.#attempt(file, async (handle) => {
      await writeAll(handle, buffer, offset);
    });
  }

  async close(): Promise<void> {
    for (const handle of this.#handles) await handle.close();
  }

  async #attempt(file: number, work: (handle: FileHandle) => Promise<void>): Promise<void> {
    try {
      await work(this.#handles[file] as FileHandle);
    } catch (error) {
      throw ioError(error, this.#paths[file] as string, "cannot be changed", KEPT);
    }
  }
}
