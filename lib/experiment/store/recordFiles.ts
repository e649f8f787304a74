// A folder of records that many processes may add to, also on different machines: each appends lines to a file of its own, and
// reads those of all. What a killed process left half written is the last line of its own file, and is not read.

import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { isMissing } from "../../files/isMissing.js";
import { lookAnew } from "../../files/lookAnew.js";
import { wholeLines } from "../../files/readLines.js";
import { requireInPlace } from "../../files/requireInPlace.js";

const ENDING = ".ndjson";

export interface RecordPlace {
  readonly folder: string;
  /** Of this process: the name of its file. */
  readonly writer: string;
  /** Whether processes of other machines may be writing there. */
  readonly shared?: boolean | undefined;
}

export interface RecordFilesOptions<T extends object> extends RecordPlace {
  /** The first line of each file: what the records are of. */
  readonly head: object & { readonly format: string };
  /** Called for every record, old and new, once a line. */
  readonly take: (record: T) => void;
}

export class RecordFiles<T extends object> {
  readonly #options: RecordFilesOptions<T>;
  /** By file: bytes and lines that were read. */
  readonly #read = new Map<string, { bytes: number; lines: number }>();
  #own: { readonly file: number; readonly path: string } | undefined;
  #bytes = 0;

  constructor(options: RecordFilesOptions<T>) {
    this.#options = options;
  }

  /** Takes what was added since. @throws RetemperError BAD_INPUT for a damaged line, IO */
  async refresh(): Promise<void> {
    const { folder, writer, shared } = this.#options;
    if (shared) await lookAnew(folder);
    const names = await readdir(folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw ioError(error, folder, "cannot read");
    });
    for (const name of names.filter((one) => one.endsWith(ENDING)).sort()) {
      if (name !== `${writer}${ENDING}`) await this.#take(name);
    }
  }

  /** @throws RetemperError IO, NO_SPACE */
  add(record: T): void {
    const own = this.#own ?? this.#open();
    this.#write(own, record);
    this.#options.take(record);
  }

  /** Makes what was added outlast a power failure. @throws RetemperError IO, also where the file was removed */
  sync(): void {
    const own = this.#own;
    if (!own) return;
    try {
      fsyncSync(own.file);
      requireInPlace(own.path, fstatSync(own.file));
    } catch (error) {
      throw ioError(error, own.path, "cannot write");
    } finally {
      closeSync(own.file); // many models are asked in a run, each with its files
      this.#own = undefined;
    }
  }

  close(): void {
    if (this.#own) closeSync(this.#own.file);
    this.#own = undefined;
  }

  #open() {
    const { folder, writer, head } = this.#options;
    const path = join(folder, `${writer}${ENDING}`);
    try {
      mkdirSync(folder, { recursive: true });
      this.#own = { file: openSync(path, "a"), path };
    } catch (error) {
      throw ioError(error, path, "cannot write");
    }
    if (this.#bytes === 0) this.#write(this.#own, head);
    return this.#own;
  }

  #write({ file, path }: { readonly file: number; readonly path: string }, line: object): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      this.#bytes += bytes.length;
    } catch (error) {
      throw ioError(error, path, "cannot write", "the same command goes on after what is written here");
    }
  }

  async #take(name: string): Promise<void> {
    const { folder, head, take } = this.#options;
    const path = join(folder, name);
    const read = this.#read.get(name) ?? { bytes: 0, lines: 0 };
    this.#read.set(name, read);
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, "r");
      if ((await handle.stat()).size <= read.bytes) return;
      for await (const line of wholeLines(handle, path, { from: read.bytes })) {
        read.bytes += line.length;
        read.lines += 1;
        const record = parse(line.toString("utf8", 0, line.length - 1), path, read.lines);
        if (read.lines > 1) take(record as T);
        else if ((record as { format?: unknown }).format !== head.format) throw foreign(path, head.format);
      }
    } catch (error) {
      throw ioError(error, path, "cannot read");
    } finally {
      await handle?.close();
    }
  }
}

function parse(text: string, file: string, line: number): object {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null) return value;
    throw new Error("no object");
  } catch (cause) {
    throw new RetemperError("BAD_INPUT", "this line is damaged", {
      ...{ file, line, cause },
      hint: "cut the file off before this line: what follows is asked again",
    });
  }
}

function foreign(file: string, format: string): RetemperError {
  return new RetemperError("BAD_INPUT", `this file is not of the format ${format}`, {
    file,
    line: 1,
    hint: "it is of another version: choose another --out, or remove the file to ask again what it holds",
  });
}
