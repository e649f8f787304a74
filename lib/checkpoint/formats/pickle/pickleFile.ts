// An open file of weights that is no safetensors: its identity, and pieces of it.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { RetemperError } from "../../../errors.js";
import { readFull } from "../../../files/readPiece.js";
import { fileError } from "../../modelFolder.js";
import type { StoredFile } from "../../types.js";

/** Where the readers of this folder take bytes from. */
export interface PickledBytes {
  readonly path: string;
  readonly size: number;
  /** Bytes [offset, offset + length), which lie in the file. */
  read(offset: number, length: number): Promise<Buffer>;
  /** The first bytes, at most `length`. */
  start(length: number): Promise<Buffer>;
}

export class PickleFile implements PickledBytes {
  readonly path: string;
  readonly stored: StoredFile;
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle, stored: StoredFile) {
    this.#handle = handle;
    this.path = stored.path;
    this.stored = stored;
  }

  /**
   * Opens a file for as long as `use` runs.
   * @throws RetemperError BAD_INPUT or IO
   */
  static async with<T>(path: string, use: (file: PickleFile) => Promise<T>): Promise<T> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const facts = await handle.stat({ bigint: true });
      if (!facts.isFile()) throw new RetemperError("BAD_INPUT", "this is not a regular file", { file: path });
      const stored = { path, size: Number(facts.size), inode: `${facts.ino}`, mtimeNs: `${facts.mtimeNs}` };
      return await use(new PickleFile(handle, stored));
    } catch (error) {
      throw (error as NodeJS.ErrnoException).syscall === undefined ? error : fileError(error, path);
    } finally {
      await handle?.close();
    }
  }

  get size(): number {
    return this.stored.size;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    await readFull(this.#handle, bytes, offset, this.path);
    return bytes;
  }

  start(length: number): Promise<Buffer> {
    return this.read(0, Math.min(length, this.size));
  }
}
