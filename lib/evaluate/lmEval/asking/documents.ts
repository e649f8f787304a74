// A task's rows: those that are asked and those that examples are taken from, from the data set that the task names or from the
// user's own files.

import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RetemperError } from "../../../errors.js";
import type { HubOptions } from "../../../hub/settings.js";
import { DATA_FILE } from "../../data/findData.js";
import { isFolder } from "../../data/isFolder.js";
import { type DataFacts, loadRows } from "../../data/loadRows.js";
import type { Row } from "../../data/rows.js";
import { type TaskConfig, unsupported } from "../files/taskConfig.js";
import type { Functions } from "../functions/functions.js";
import type { Document } from "../functions/types.js";

export interface Documents {
  readonly asked: readonly Document[];
  /** What examples are taken from; empty where none are wanted. */
  readonly examples: readonly Document[];
  readonly columns: readonly string[];
  readonly data: readonly DataFacts[];
}

export interface DocumentOptions {
  /** The user's own: a folder, a file or a data set on the hub; the task's own by default. */
  readonly reference: string | undefined;
  /** Examples before each question. */
  readonly fewshot: number;
  readonly hub?: HubOptions | undefined;
}

/** @throws RetemperError BAD_INPUT, NETWORK for data that are not there; INCOMPATIBLE for what of the task is not supported */
export async function loadDocuments(
  config: TaskConfig,
  functions: Functions,
  { reference, fewshot, hub }: DocumentOptions,
): Promise<Documents> {
  const split = config.testSplit ?? config.validationSplit;
  if (split === undefined) throw unsupported(config, "test_split and validation_split", "neither of them");
  const data: DataFacts[] = [];
  const loaded = new Map<string, Promise<readonly Document[]>>();
  const rowsOf = (name: string) => {
    let rows = loaded.get(name);
    if (!rows) {
      rows = loadSplit(config, name, { reference, only: name === split, hub }).then(({ facts, rows: found }) => {
        data.push(facts);
        return found;
      });
      loaded.set(name, rows);
    }
    return rows;
  };
  const process = config.processDocs && functions.documents(config.processDocs, "process_docs");
  const asked = await rowsOf(split).then((rows) => process?.(rows) ?? rows);
  const { split: shots, samples, processDocs } = config.fewshot;
  let examples: readonly Document[] = [];
  if (fewshot > 0) {
    if (shots !== undefined) {
      const rows = await rowsOf(shots);
      examples = processDocs ? functions.documents(processDocs, "process_docs")(rows) : rows;
    } else if (samples !== undefined) {
      examples = Array.isArray(samples) ? samples : await functions.samples(samples as never, "fewshot_config.samples");
    } else {
      const rows = await rowsOf(config.trainingSplit ?? config.validationSplit ?? split);
      examples = process?.(rows) ?? rows;
    }
  }
  return { asked, examples, columns: Object.keys(asked[0] ?? {}), data };
}

/** Files of a data set that stand in the task itself. */
const FILE_KINDS = new Set(["json", "csv", "parquet", "text"]);

async function loadSplit(
  config: TaskConfig,
  split: string,
  { reference, only, hub }: { reference: string | undefined; only: boolean; hub: HubOptions | undefined },
): Promise<{ facts: DataFacts; rows: readonly Document[] }> {
  if (/[[+%]/.test(split)) throw unsupported(config, "a split", split);
  const source = reference ?? ownSource(config, split);
  if (source.startsWith("hf://")) {
    const { facts, files } = await loadRows(source, { config: config.datasetName, split, hub });
    return { facts: { ...facts, source: `${source} ${split}` }, rows: documentsOf(files.flatMap(({ rows }) => rows)) };
  }
  const path = reference === undefined ? resolve(source) : await fileOf(resolve(source), config, split, only);
  const { facts, files } = await loadRows(path, { hub });
  return { facts, rows: documentsOf(files.flatMap(({ rows }) => rows)) };
}

function ownSource({ datasetPath, datasetKwargs, ...config }: TaskConfig, split: string): string {
  const { trust_remote_code: _, data_files: files, ...more } = datasetKwargs;
  const [key] = Object.keys(more);
  if (key !== undefined) throw unsupported(config, `dataset_kwargs.${key}`, "");
  if (datasetPath !== undefined && FILE_KINDS.has(datasetPath)) {
    const file = typeof files === "object" && files !== null ? (files as Record<string, unknown>)[split] : files;
    if (typeof file === "string" && !file.includes("://")) return file;
    throw unsupported(config, "dataset_kwargs.data_files", String(JSON.stringify(files)));
  }
  if (datasetPath?.includes("/")) return `hf://datasets/${datasetPath}`;
  throw new RetemperError("BAD_INPUT", `${config.name}: the data set ${datasetPath ?? ""} is no org/name on the hub`, {
    file: config.file,
    hint: `give its data: --data ${config.name}=FOLDER, with a file for each split, or hf://datasets/org/name`,
  });
}

/** Of the user's folder: the file whose name tells the split, in the folder of the task's configuration where there is one. */
async function fileOf(path: string, { name, datasetName }: TaskConfig, split: string, only: boolean): Promise<string> {
  if (!(await isFolder(path))) {
    if (only) return path;
    throw new RetemperError("BAD_INPUT", `${name} takes examples from the split ${split}, and this is one file`, {
      file: path,
      hint: `give a folder with a file for each split, such as ${split}.jsonl; or ask without examples: --fewshot 0`,
    });
  }
  const isSplit = new RegExp(`(^|[-_.])${split.replace(/[^\w-]/g, "\\$&")}([-_.]|$)`);
  const names = await readdir(path);
  for (const folder of datasetName !== undefined && names.includes(datasetName)
    ? [join(path, datasetName), path]
    : [path]) {
    const found = (await readdir(folder)).sort().find((file) => DATA_FILE.test(file) && isSplit.test(file));
    if (found !== undefined) return join(folder, found);
  }
  const whole = names
    .sort()
    .find((file) => datasetName !== undefined && DATA_FILE.test(file) && file.startsWith(`${datasetName}.`));
  if (only && whole !== undefined) return join(path, whole);
  throw new RetemperError("BAD_INPUT", `${name}: the folder has no file of the split ${split}`, {
    file: path,
    hint: `expected a file such as ${datasetName === undefined ? "" : `${datasetName}/`}${split}.jsonl`,
  });
}

/** Every row has every column, as in a table: what a row lacks is null. */
function documentsOf(rows: readonly Row[]): Document[] {
  const columns = new Set(rows.flatMap((row) => Object.keys(row)));
  return rows.map((row) => Object.fromEntries([...columns].map((column) => [column, row[column] ?? null])));
}
