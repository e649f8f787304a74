// The bytes of a pickle, read front to back: numbers, lengths and texts, none of which can lead beyond the end.

/** There are fewer bytes than the pickle needs: more have to be read, or the file is cut off. */
export class CutOff extends Error {}

/** Longest line of an argument that is text: names and numbers, as protocol 0 writes them. */
const LONGEST_LINE = 4096;

/** A place in some bytes that only moves forward. */
export class PickleBytes {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** @throws CutOff */
  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  i32(): number {
    return this.#bytes.readInt32LE(this.#take(4));
  }

  /** Above 2^53 it is not exact, and larger than any file. */
  u64(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#take(8)));
  }

  /** Big-endian, as pickles have them. */
  f64(): number {
    return this.#bytes.readDoubleBE(this.#take(8));
  }

  /** A copy, so that nothing holds the whole. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return Uint8Array.prototype.slice.call(this.#bytes, start, start + length);
  }

  text(length: number): string {
    const start = this.#take(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  /** Two's complement, little-endian, of any length. */
  long(length: number): bigint {
    const start = this.#take(length);
    if (length === 0) return 0n;
    const hex = Buffer.from(this.#bytes.subarray(start, start + length))
      .reverse()
      .toString("hex");
    return BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
  }

  /** A line without its end; undefined where none ends soon enough to be one. */
  line(): string | undefined {
    const end = this.#bytes.indexOf(0x0a, this.at);
    if (end < 0 && this.#bytes.length - this.at <= LONGEST_LINE) throw new CutOff();
    if (end < 0 || end - this.at > LONGEST_LINE) return undefined;
    const line = this.#bytes.toString("utf8", this.at, end);
    this.at = end + 1;
    return line;
  }

  #take(length: number): number {
    const start = this.at;
    if (length > this.#bytes.length - start) throw new CutOff();
    this.at = start + length;
    return start;
  }
}
