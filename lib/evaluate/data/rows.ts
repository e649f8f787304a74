// Rows of a file of any of the formats that data sets come in.

import { isUtf8 } from "node:buffer";
import { dirname, isAbsolute, join } from "node:path";
import * as zlib from "node:zlib";
import { type CsvError, parse } from "csv-parse/sync";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { nearbyName } from "../../files/nearbyName.js";
import { readAtMost } from "../../files/readAtMost.js";
import { LONGEST_LINE, textLines } from "../../files/readLines.js";
import { unpackAtMost } from "../../files/unpackAtMost.js";

/** One row by column names. */
export type Row = Readonly<Record<string, unknown>>;

export interface RowsFile {
  readonly rows: readonly Row[];
  /** The file's bytes, for its digest. */
  readonly bytes: Buffer;
}

/** Where rows of JSON lines stand in their file. */
const LINES = new WeakMap<Row, number>();

/** The 1-based line of a row of JSON lines; undefined for rows of other formats. */
export function lineOf(row: Row): number | undefined {
  return LINES.get(row);
}

/** No file of rows is larger, packed or not. */
const MOST_BYTES = 2 ** 30;
/** Of files that are not packed, where only Parquet comes near. */
const MOST_FILE = 2 ** 31 - 1;
/** Rows of one file, all of which are held in memory. */
const MOST_ROWS = 10_000_000;
/** Texts cannot be longer (V8). */
const LONGEST_TEXT = 2 ** 29 - 25;

/**
 * Reads CSV (with a header line, or without one: see `headless`), JSON (a list of rows, an object of columns, or lines), JSON lines
 * or Parquet, chosen by the name's end; `.gz` is unpacked first.
 * @param headless columns of a CSV file without a header line
 * @throws RetemperError BAD_INPUT that says where the file is broken, or what of it is too long
 */
export async function readRows(file: string, headless?: readonly string[]): Promise<RowsFile> {
  const name = file.toLowerCase().replace(/\.gz$/, "");
  const known = /\.(csv|tsv|json|jsonl|ndjson|parquet|txt)$/.test(name);
  // What is no file of rows by its name is opened, to say that it is not there, and not read.
  const limit = { most: known ? MOST_FILE : 0, what: "a file of rows" };
  const bytes = await readAtMost(file, limit).catch(async (error) => {
    if (!known && error instanceof RetemperError) throw unknownKind(file);
    throw await unread(error, file);
  });
  if (!known) throw unknownKind(file);
  const content = file.toLowerCase().endsWith(".gz") ? await unpackAtMost(bytes, file, MOST_BYTES) : bytes;
  if (name.endsWith(".parquet")) return { bytes, rows: await parquetRows(content, file) };
  refuseForeign(content, file);
  if (name.endsWith(".csv")) return { bytes, rows: csvRows(content, ",", file, headless) };
  if (name.endsWith(".tsv")) return { bytes, rows: csvRows(content, "\t", file, headless) };
  if (/\.(jsonl|ndjson)$/.test(name)) return { bytes, rows: jsonLines(content, file) };
  if (name.endsWith(".json")) {
    return { bytes, rows: holdsLines(content) ? jsonLines(content, file) : jsonRows(decode(content, file), file) };
  }
  return { bytes, rows: promptLines(content, file) };
}

async function unread(error: unknown, file: string): Promise<RetemperError> {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EISDIR") return new RetemperError("BAD_INPUT", message, { file, cause: error });
  if (code !== "ENOENT") return ioError(error, file, "cannot read");
  const near = await nearbyName(file);
  const from = isAbsolute(file) ? "" : "; it is relative to the working directory";
  const hint = near === undefined ? `check the path${from}` : `is ${join(dirname(file), near)} meant?`;
  return new RetemperError("BAD_INPUT", "the file does not exist", { file, hint });
}

function unknownKind(file: string): RetemperError {
  const packed = /\.(xz|bz2|zst)$/i.test(file);
  return new RetemperError("BAD_INPUT", "it is not known how to read this file", {
    file,
    hint: packed
      ? "unpack it first (xz -dk FILE): of packed files, .gz is read"
      : "give a .csv, .tsv, .json, .jsonl, .parquet or .txt file (.gz also)",
  });
}

/** What is saved in place of a file. */
function refuseForeign(bytes: Buffer, file: string): void {
  const start = bytes.subarray(0, 64).toString("latin1");
  if (start.startsWith("version https://git-lfs")) {
    throw new RetemperError("BAD_INPUT", "this is a Git LFS pointer, not the file itself", {
      file,
      hint: "git lfs pull",
    });
  }
  if (/^\s*<(!doctype|html)/i.test(start)) {
    throw new RetemperError("BAD_INPUT", "this is a web page, not data", { file, hint: "download the raw file" });
  }
}

/** A JSON document, which must be one text. */
function decode(bytes: Buffer, file: string): string {
  if (bytes.length > LONGEST_TEXT) {
    throw new RetemperError("BAD_INPUT", `this is too long for one JSON document: ${bytes.length} bytes`, {
      file,
      hint: "give the rows as JSON lines (.jsonl): one object a line",
    });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes); // drops a byte order mark
  } catch (error) {
    throw new RetemperError("BAD_INPUT", "the text is not UTF-8", { file, cause: error });
  }
}

function csvRows(bytes: Buffer, delimiter: string, file: string, headless: readonly string[] | undefined): Row[] {
  if (!isUtf8(bytes)) throw new RetemperError("BAD_INPUT", "the text is not UTF-8", { file });
  try {
    return parse(bytes, {
      columns: headless ? [...headless] : true,
      bom: true,
      delimiter,
      max_record_size: LONGEST_LINE,
      record_delimiter: ["\r\n", "\n"],
      skip_empty_lines: true,
      to: MOST_ROWS + 1,
      on_record: (row: Row, { records }) => {
        if (records > MOST_ROWS) throw tooMany(file);
        return row;
      },
    });
  } catch (error) {
    if (error instanceof RetemperError) throw error;
    const { code, lines: line } = error as Partial<CsvError> & { lines?: number };
    if (code === "CSV_MAX_RECORD_SIZE") {
      throw new RetemperError("BAD_INPUT", `this row is too long: its cells have more than ${LONGEST_LINE} bytes`, {
        file,
        line,
        hint: 'is a quote (") left open? What follows it belongs to its cell',
        cause: error,
      });
    }
    throw new RetemperError("BAD_INPUT", (error as Error).message, { file, line, cause: error });
  }
}

function jsonLines(bytes: Buffer, file: string): Row[] {
  const rows: Row[] = [];
  for (const [text, line] of textLines(bytes, file)) {
    if (text.trim() === "") continue;
    if (rows.length === MOST_ROWS) throw tooMany(file);
    const row = asRow(parseJson(text, file, line), file, line);
    LINES.set(row, line);
    rows.push(row);
  }
  return rows;
}

function tooMany(file: string): RetemperError {
  const hint = "split the file, or give the rows that are meant";
  return new RetemperError("BAD_INPUT", `there are more than ${MOST_ROWS} rows`, { file, hint });
}

/** Whether a file that calls itself JSON holds an object a line, as OpenFunctions is published. */
function holdsLines(bytes: Buffer): boolean {
  const end = bytes.indexOf(0x0a, bytes.indexOf(0x7b));
  if (
    end < 0 ||
    end > LONGEST_LINE ||
    bytes
      .subarray(end, end + 4096)
      .toString("latin1")
      .trimStart()[0] !== "{"
  ) {
    return false;
  }
  try {
    return isObject(JSON.parse(bytes.toString("utf8", 0, end).replace(/^\ufeff/, "")));
  } catch {
    return false;
  }
}

function jsonRows(text: string, file: string): Row[] {
  const value = parseJson(text, file);
  if (Array.isArray(value)) {
    return value.map((row) => (typeof row === "string" ? { prompt: row } : asRow(row, file)));
  }
  const columns = Object.entries(asRow(value, file));
  const lists = columns.filter((column): column is [string, unknown[]] => Array.isArray(column[1]));
  // BIG-Bench Hard's own files: rows under one key, beside words about them
  const [only] = lists;
  if (lists.length === 1 && only && only[1].every((row) => isObject(row))) return only[1] as Row[];
  const length = lists[0]?.[1].length;
  if (length === undefined || lists.length !== columns.length || lists.some(([, list]) => list.length !== length)) {
    throw new RetemperError("BAD_INPUT", "it holds neither a list of rows nor columns of one length", { file });
  }
  return Array.from({ length }, (_, at) => Object.fromEntries(lists.map(([name, list]) => [name, list[at]])));
}

function promptLines(bytes: Buffer, file: string): Row[] {
  const rows: Row[] = [];
  for (const [text] of textLines(bytes, file)) {
    const prompt = text.replace(/\r$/, "");
    if (prompt.trim() === "") continue;
    if (rows.length === MOST_ROWS) throw tooMany(file);
    rows.push({ prompt });
  }
  return rows;
}

function parseJson(text: string, file: string, line?: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RetemperError("BAD_INPUT", (error as Error).message, { file, line, cause: error });
  }
}

function asRow(value: unknown, file: string, line?: number): Row {
  if (isObject(value)) return value;
  throw new RetemperError("BAD_INPUT", "a row is not an object", { file, line });
}

function isObject(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function parquetRows(bytes: Buffer, file: string): Promise<Row[]> {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  try {
    const metadata = parquetMetadata(buffer);
    if (metadata.num_rows > MOST_ROWS) throw tooMany(file);
    return (await parquetReadObjects({ file: buffer, metadata, compressors: parquetCompressors() })) as Row[];
  } catch (error) {
    if (error instanceof RetemperError) throw error;
    throw new RetemperError("BAD_INPUT", `this Parquet file cannot be read: ${(error as Error).message}`, {
      file,
      hint: "get it again; if its compression is not known here, write it uncompressed or with snappy",
      cause: error,
    });
  }
}

/** Those beside snappy that Node has; Zstandard came with Node 22.15. A page unpacks to the length that its header says, or fails. */
function parquetCompressors(): Record<string, (input: Uint8Array, length: number) => Uint8Array> {
  type Unpack = (input: Uint8Array, options: { maxOutputLength: number }) => Buffer;
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: Unpack };
  const bounded = (unpack: Unpack) => (input: Uint8Array, length: number) =>
    unpack(input, { maxOutputLength: Math.min(Math.max(length, 1), MOST_BYTES) });
  return {
    GZIP: bounded(zlib.gunzipSync),
    BROTLI: bounded(zlib.brotliDecompressSync),
    ...(zstdDecompressSync && { ZSTD: bounded(zstdDecompressSync) }),
  };
}
