// A file that is somewhere else, and here as far as it was asked for: it has its size and its place on the disk, and holes where
// nothing was needed, which take no room.

import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { readFull } from "../files/readPiece.js";

/** Brings bytes of the file that it stands for. */
export type Bring = (piece: { readonly offset: number; readonly length: number }) => Promise<Buffer>;

export class FarFile {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #bring: Bring;
  /** What is here: from, to. */
  readonly #here: (readonly [number, number])[] = [];
  /** Bytes that were brought. */
  brought = 0;

  private constructor(handle: FileHandle, path: string, size: number, bring: Bring) {
    this.#handle = handle;
    this.path = path;
    this.size = size;
    this.#bring = bring;
  }

  /**
   * Makes the file, and closes it when `use` is done.
   * @throws RetemperError IO; what `bring` and `use` throw
   */
  static async with<T>(path: string, size: number, bring: Bring, use: (file: FarFile) => Promise<T>): Promise<T> {
    let handle: FileHandle | undefined;
    try {
      await mkdir(dirname(path), { recursive: true });
      handle = await open(path, "wx+");
      await handle.truncate(size);
      return await use(new FarFile(handle, path, size, bring));
    } catch (error) {
      throw (error as NodeJS.ErrnoException).syscall === undefined ? error : ioError(error, path, "cannot write");
    } finally {
      await handle?.close();
    }
  }

  /** Bytes [offset, offset + length), which lie in the file. */
  async read(offset: number, length: number): Promise<Buffer> {
    for (const [from, to] of this.#missing(offset, offset + length)) {
      const bytes = await this.#bring({ offset: from, length: to - from });
      if (bytes.length !== to - from) {
        // what is missing would be read as zeros
        throw new RetemperError("NETWORK", `${bytes.length} of ${to - from} bytes came from ${from} on`, {
          file: this.path,
          hint: "try again; retemper pull downloads all of it",
        });
      }
      await this.#handle.write(bytes, 0, bytes.length, from);
      this.#here.push([from, from + bytes.length]);
      this.brought += bytes.length;
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    await readFull(this.#handle, bytes, offset, this.path);
    return bytes;
  }

  /** The first bytes, at most `length`. */
  start(length: number): Promise<Buffer> {
    return this.read(0, Math.min(length, this.size));
  }

  #missing(from: number, to: number): (readonly [number, number])[] {
    let gaps: (readonly [number, number])[] = from < to ? [[from, to]] : [];
    for (const [begin, end] of this.#here) {
      gaps = gaps.flatMap(([a, b]) => {
        const rest: (readonly [number, number])[] = [
          [a, Math.min(b, begin)],
          [Math.max(a, end), b],
        ];
        return rest.filter(([x, y]) => x < y);
      });
    }
    return gaps;
  }
}
