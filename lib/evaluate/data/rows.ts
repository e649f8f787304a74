// Rows of a file of any of the formats that data sets come in.

import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { CsvError, parse } from "csv-parse/sync";
import { parquetReadObjects } from "hyparquet";
import { RetemperError } from "../../errors.js";

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

/** Decompressed text above this is no prompt set. */
const MOST_BYTES = 2 ** 30;

/**
 * Reads CSV (with a header line, or without one: see `headless`), JSON (a list of rows, an object of columns, or lines), JSON lines
 * or Parquet, chosen by the name's end; `.gz` is unpacked first.
 * @param headless columns of a CSV file without a header line
 * @throws RetemperError BAD_INPUT that says where the file is broken
 */
export async function readRows(file: string, headless?: readonly string[]): Promise<RowsFile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new RetemperError("BAD_INPUT", "the file does not exist", {
        file,
        hint: "check the path; it is relative to the working directory",
      });
    }
    throw new RetemperError(code === "EISDIR" ? "BAD_INPUT" : "IO", message, { file, cause: error });
  }
  const name = file.toLowerCase().replace(/\.gz$/, "");
  const content = file.toLowerCase().endsWith(".gz") ? await unpack(bytes, file) : bytes;
  if (name.endsWith(".parquet")) return { bytes, rows: await parquetRows(content, file) };
  const text = decode(content, file);
  if (name.endsWith(".csv")) return { bytes, rows: csvRows(text, ",", file, headless) };
  if (name.endsWith(".tsv")) return { bytes, rows: csvRows(text, "\t", file, headless) };
  if (/\.(jsonl|ndjson)$/.test(name)) return { bytes, rows: jsonLines(text, file) };
  if (name.endsWith(".json")) return { bytes, rows: holdsLines(text) ? jsonLines(text, file) : jsonRows(text, file) };
  if (name.endsWith(".txt")) return { bytes, rows: textLines(text) };
  throw new RetemperError("BAD_INPUT", "it is not known how to read this file", {
    file,
    hint: "give a .csv, .tsv, .json, .jsonl, .parquet or .txt file (.gz also)",
  });
}

async function unpack(bytes: Buffer, file: string): Promise<Buffer> {
  try {
    return await promisify(zlib.gunzip)(bytes, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    throw new RetemperError("BAD_INPUT", `cannot be unpacked: ${(error as Error).message}`, { file, cause: error });
  }
}

function decode(bytes: Buffer, file: string): string {
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
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes); // drops a byte order mark
  } catch (error) {
    throw new RetemperError("BAD_INPUT", "the text is not UTF-8", { file, cause: error });
  }
}

function csvRows(text: string, delimiter: string, file: string, headless: readonly string[] | undefined): Row[] {
  try {
    return parse(text, {
      columns: headless ? [...headless] : true,
      delimiter,
      record_delimiter: ["\r\n", "\n"],
      skip_empty_lines: true,
    });
  } catch (error) {
    const line = error instanceof CsvError ? (error as CsvError & { lines?: number }).lines : undefined;
    throw new RetemperError("BAD_INPUT", (error as Error).message, { file, line, cause: error });
  }
}

function jsonLines(text: string, file: string): Row[] {
  const rows: Row[] = [];
  let line = 0;
  for (const part of text.split("\n")) {
    line += 1;
    if (part.trim() === "") continue;
    const row = asRow(parseJson(part, file, line), file, line);
    LINES.set(row, line);
    rows.push(row);
  }
  return rows;
}

/** Whether a file that calls itself JSON holds an object a line, as OpenFunctions is published. */
function holdsLines(text: string): boolean {
  const [, first = ""] = /^\s*(\{[^\n]*\})\s*\n\s*\{/.exec(text) ?? [];
  try {
    return isObject(JSON.parse(first));
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

function textLines(text: string): Row[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((prompt) => ({ prompt }));
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
    return (await parquetReadObjects({ file: buffer, compressors: parquetCompressors() })) as Row[];
  } catch (error) {
    throw new RetemperError("BAD_INPUT", `this Parquet file cannot be read: ${(error as Error).message}`, {
      file,
      hint: "get it again; if its compression is not known here, write it uncompressed or with snappy",
      cause: error,
    });
  }
}

/** Those beside snappy that Node has; Zstandard came with Node 22.15. */
function parquetCompressors(): Record<string, (input: Uint8Array, length: number) => Uint8Array> {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (input: Uint8Array) => Buffer };
  return {
    GZIP: (input) => zlib.gunzipSync(input),
    BROTLI: (input) => zlib.brotliDecompressSync(input),
    ...(zstdDecompressSync && { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) }),
  };
}
