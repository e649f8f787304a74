// From a data reference to rows: a local file, a folder of files, or a data set on the hub.

import { createHash } from "node:crypto";
import { RetemperError } from "../../errors.js";
import { type FindOptions, findData } from "./findData.js";
import { knownFile } from "./knownFiles.js";
import { type Row, readRows } from "./rows.js";

export interface DataFile {
  /** The file's name, or its path in the data set. */
  readonly name: string;
  readonly sha256: string;
  readonly rows: number;
  /** The published file that this is, where its digest is known. */
  readonly recognised?: string | undefined;
}

/** Where rows came from, for results: enough to tell whether two runs saw the same. */
export interface DataFacts {
  /** The reference as it was given, or the suite's own. */
  readonly source: string;
  /** Of a data set on the hub: the commit that its revision meant. */
  readonly commit?: string | undefined;
  readonly files: readonly DataFile[];
  readonly rows: number;
}

export interface LoadedRows {
  readonly facts: DataFacts;
  readonly files: readonly { readonly name: string; readonly path: string; readonly rows: readonly Row[] }[];
}

export interface LoadRowsOptions extends FindOptions {
  /** Columns of CSV files without a header line. */
  readonly headless?: readonly string[] | undefined;
}

/**
 * Reads what `reference` names: a path, or `hf://datasets/org/name[@revision][/path][?config=…&split=…]`.
 * @throws RetemperError BAD_INPUT, IO, NETWORK; BAD_INPUT for a set without rows
 */
export async function loadRows(reference: string, options: LoadRowsOptions = {}): Promise<LoadedRows> {
  const found = await findData(reference, options);
  const files: LoadedRows["files"][number][] = [];
  const facts: DataFile[] = [];
  for (const { name, path } of found.files) {
    const { rows, bytes } = await readRows(path, options.headless);
    files.push({ name, path, rows });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const recognised = knownFile(sha256);
    facts.push({ name, sha256, rows: rows.length, ...(recognised !== undefined && { recognised }) });
  }
  const rows = facts.reduce((sum, file) => sum + file.rows, 0);
  if (rows === 0) {
    throw new RetemperError("BAD_INPUT", `${reference} has no rows.`, { hint: "give a file with at least one row" });
  }
  return { files, facts: { source: reference, commit: found.commit, files: facts, rows } };
}
