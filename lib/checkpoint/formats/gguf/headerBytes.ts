// The beginning of a file, read as far as it is needed: numbers and texts of a GGUF header, each checked to lie in the file.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { RetemperError } from "../../../errors.js";
import { fileError } from "../../folderFiles.js";
import type { StoredFile } from "../../types.js";

/** More than the header of any model: the texts of a vocabulary take some 20 MB. */
const MOST_BYTES = 256 << 20;
const PIECE = 1 << 20;

/** The header goes on behind the bytes that are known. */
export class HeaderGoesOn extends Error {
  /** As far as is known. */
  readonly end: number;

  constructor(end: number) {
    super(`the header goes on to ${end} at least`);
    this.end = end;
  }
}

export class HeaderBytes {
  readonly file: StoredFile;
  readonly #known: number;
  readonly #handle: number;
  #bytes = Buffer.alloc(0);
  #at = 0;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  private constructor(handle: number, file: StoredFile, known: number) {
    this.#handle = handle;
    this.#known = known;
    this.file = file;
  }

  /**
   * Opens a regular file and hands it to `read`.
   * @param known how many of its bytes are here, of a file that is somewhere else
   * @throws RetemperError BAD_INPUT for what is no regular file, and what `read` throws; IO; HeaderGoesOn where more than `known` is read
   */
  static read<T>(path: string, read: (bytes: HeaderBytes) => T, known = Number.POSITIVE_INFINITY): T {
    let handle: number | undefined;
    try {
      handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not block
      const facts = fstatSync(handle, { bigint: true });
      if (!facts.isFile()) throw new RetemperError("BAD_INPUT", "this is not a regular file", { file: path });
      const { size, ino, mtimeNs } = facts;
      const file = { path, size: Number(size), inode: String(ino), mtimeNs: String(mtimeNs) };
      return read(new HeaderBytes(handle, file, known));
    } catch (error) {
      throw error instanceof RetemperError || error instanceof HeaderGoesOn ? error : fileError(error, path);
    } finally {
      if (handle !== undefined) closeSync(handle);
    }
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }
  /** Bytes of the file that were not read yet. */
  get left(): number {
    return this.file.size - this.#at;
  }

  fault(message: string, tensor?: string): RetemperError {
    return new RetemperError("BAD_INPUT", message, {
      file: this.file.path,
      ...(tensor !== undefined && { tensor }),
      hint: "Download the file again, or make it again from the model that it was made of.",
    });
  }

  u8(): number {
    return this.#take(1).readUInt8();
  }
  i8(): number {
    return this.#take(1).readInt8();
  }
  u16(): number {
    return this.#take(2).readUInt16LE();
  }
  i16(): number {
    return this.#take(2).readInt16LE();
  }
  u32(): number {
    return this.#take(4).readUInt32LE();
  }
  i32(): number {
    return this.#take(4).readInt32LE();
  }
  u64(): bigint {
    return this.#take(8).readBigUInt64LE();
  }
  i64(): bigint {
    return this.#take(8).readBigInt64LE();
  }
  f32(): number {
    return this.#take(4).readFloatLE();
  }
  f64(): number {
    return this.#take(8).readDoubleLE();
  }

  /** A count of things of which each takes `least` bytes, so that a lie is found before memory is taken for them. */
  count(least: number, what: string): number {
    const count = this.u64();
    if (count * BigInt(least) > BigInt(this.left)) {
      throw this.fault(`the header says that there are ${count} ${what}, and the file ends before so many`);
    }
    return Number(count);
  }

  /** A length and so many bytes of UTF-8. */
  text(most: number, what: string): string {
    return this.#shortText(most) ?? this.#text(most, what);
  }

  /** One that is read already, as nearly all of the 400,000 of a vocabulary are; undefined where anything must be looked at. */
  #shortText(most: number): string | undefined {
    const begin = this.#at + 8;
    const read = Math.min(this.#bytes.length, this.#known);
    if (begin > read || this.#bytes.readUInt32LE(begin - 4) !== 0) return undefined;
    const end = begin + this.#bytes.readUInt32LE(begin - 8);
    if (end > read || end - begin > most) return undefined;
    const text = this.#bytes.toString("utf8", begin, end);
    if (text.includes("\ufffd")) return undefined; // it stands for bytes that are not UTF-8, or for itself
    this.#at = end;
    return text;
  }

  #text(most: number, what: string): string {
    const length = this.count(1, `bytes of ${what}`);
    if (length > most) throw this.fault(`${what} has ${length} bytes; at most ${most} are read`);
    try {
      return this.#decoder.decode(this.#take(length));
    } catch (error) {
      if (error instanceof RetemperError || error instanceof HeaderGoesOn) throw error;
      throw this.fault(`${what} is not UTF-8`);
    }
  }

  /** So many bytes, copied. */
  copy(length: number): Uint8Array {
    return new Uint8Array(this.#take(length));
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.file.size) throw this.fault("the file ends within its header");
    if (end > this.#known) throw new HeaderGoesOn(end);
    if (end > MOST_BYTES) throw this.fault(`the header is longer than ${MOST_BYTES} bytes`);
    if (end > this.#bytes.length) this.#readTo(end);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #readTo(end: number): void {
    const size = Math.min(this.file.size, Math.max(end, Math.min(MOST_BYTES, 2 * this.#bytes.length), PIECE));
    const grown = Buffer.alloc(size);
    this.#bytes.copy(grown);
    for (let at = this.#bytes.length; at < size; ) {
      const read = readSync(this.#handle, grown, at, size - at, at);
      if (read === 0) throw this.fault("the file ends within its header");
      at += read;
    }
    this.#bytes = grown;
  }
}
