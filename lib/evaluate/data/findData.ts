// The files that a data reference means: one on this disk, those of a folder, or those of a data set on the hub.

import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import { downloadFile } from "../../hub/download.js";
import { listFiles } from "../../hub/listing.js";
import { type HubOptions, type HubSettings, hubSettings } from "../../hub/settings.js";
import { parseHubReference } from "./hubReference.js";
import { isFolder } from "./isFolder.js";

export interface FindOptions {
  /** Of a data set on the hub that has several; what the reference says comes first. */
  readonly config?: string | undefined;
  readonly split?: string | undefined;
  /** Of a folder or data set: only the files whose name fits. */
  readonly only?: RegExp | undefined;
  readonly hub?: HubOptions | undefined;
}

export interface FoundData {
  /** In the order in which they are read; those of the hub are in its cache. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
  /** Of a data set on the hub: the commit that its revision means. */
  readonly commit?: string | undefined;
}

/** What a file of rows is called. */
export const DATA_FILE = /\.(csv|tsv|json|jsonl|ndjson|parquet)(\.gz)?$/i;

/**
 * @param reference a path, or `hf://datasets/org/name[@revision][/path][?config=…&split=…]`
 * @throws RetemperError BAD_INPUT for a folder or data set without data files; NETWORK
 */
export async function findData(reference: string, options: FindOptions = {}): Promise<FoundData> {
  return reference.startsWith("hf://") ? fromHub(reference, options) : fromDisk(reference, options);
}

async function fromDisk(reference: string, { only }: FindOptions): Promise<FoundData> {
  const path = resolve(reference);
  if (!(await isFolder(path))) return { files: [{ name: basename(path), path }] };
  const names = (await readdir(path)).filter((name) => (only ?? DATA_FILE).test(name)).sort(naturally);
  if (names.length === 0) {
    throw new RetemperError("BAD_INPUT", "the folder holds no data files", {
      file: path,
      hint: "expected .csv, .json, .jsonl or .parquet files",
    });
  }
  return { files: names.map((name) => ({ name, path: join(path, name) })) };
}

async function fromHub(reference: string, options: FindOptions): Promise<FoundData> {
  const wanted = parseHubReference(reference);
  const settings = await hubSettings(options.hub);
  const { dataset } = wanted;
  if (wanted.path !== undefined) {
    const { file, commit } = await downloadFile({ ...wanted, path: wanted.path }, settings);
    return { files: [{ name: wanted.path, path: file }], commit };
  }
  const config = wanted.config ?? options.config;
  const split = wanted.split ?? options.split;
  const { revision, commit, paths } = options.only
    ? await filesThatFit(wanted, options.only, settings)
    : await parquetFiles(wanted, config, split, settings);
  const files: FoundData["files"][number][] = [];
  for (const path of paths) {
    const pinned = { dataset, revision: commit, path };
    files.push({ name: path, path: (await downloadFile(pinned, settings)).file });
  }
  // What a branch means now is kept, so that the same call finds the files offline.
  if (revision !== commit && !settings.offline) {
    await downloadFile({ dataset, revision, path: paths[0] as string }, settings);
  }
  return { files, commit };
}

async function filesThatFit(
  { dataset, revision }: { dataset: string; revision: string },
  only: RegExp,
  settings: HubSettings,
) {
  const { commit, files } = await listFiles(dataset, revision, settings);
  const paths = files.filter((name) => only.test(basename(name))).sort(naturally);
  if (paths.length === 0) throw noFiles(dataset, revision, "that are expected of it", files);
  return { revision, commit, paths };
}

/** Branch of every data set to which the hub itself writes Parquet, whatever the format of the set. */
const CONVERTED = "refs/convert/parquet";

/** The Parquet files of one configuration and split: the set's own, else those that the hub made of it. */
async function parquetFiles(
  { dataset, revision }: { dataset: string; revision: string },
  config: string | undefined,
  split: string | undefined,
  settings: HubSettings,
) {
  const names: string[] = [];
  for (const branch of revision === "main" ? [revision, CONVERTED] : [revision]) {
    let listing: Awaited<ReturnType<typeof listFiles>>;
    try {
      listing = await listFiles(dataset, branch, settings);
    } catch (error) {
      if (branch === CONVERTED && names.length > 0) break; // the hub has not converted it
      throw error;
    }
    const parquet = listing.files.filter((name) => name.endsWith(".parquet"));
    const paths = parquet.filter((name) => fits(name, config, split)).sort(naturally);
    const homes = new Set(paths.map((name) => name.slice(0, name.lastIndexOf("/") + 1)));
    if (paths.length > 0 && homes.size > 1) {
      throw new RetemperError("BAD_INPUT", `The data set ${dataset} has several configurations: ${list(homes)}.`, {
        hint: "say which one: ?config=NAME&split=NAME",
      });
    }
    if (paths.length > 0) return { revision: branch, commit: listing.commit, paths };
    for (const name of listing.files) names.push(name);
  }
  throw noFiles(dataset, revision, `for ${config ? `configuration ${config}, ` : ""}split ${split ?? "train"}`, names);
}

function fits(name: string, config: string | undefined, split = "train"): boolean {
  const parts = name.split("/");
  const file = parts.at(-1) as string;
  const ofSplit = new RegExp(`(^|[-_])${escaped(split)}([-_.]|$)`).test(file) || parts.slice(0, -1).includes(split);
  return ofSplit && (config === undefined || parts.slice(0, -1).includes(config) || file.startsWith(`${config}-`));
}

function noFiles(dataset: string, revision: string, which: string, files: readonly string[]): RetemperError {
  const has = files.filter((name) => DATA_FILE.test(name));
  return new RetemperError("BAD_INPUT", `The data set ${dataset} has no files at ${revision} ${which}.`, {
    hint: has.length > 0 ? `it has ${list(has)}` : "check its name",
  });
}

function list(names: Iterable<string>): string {
  const all = [...names];
  return all.length > 12 ? `${all.slice(0, 12).join(", ")} and ${all.length - 12} more` : all.join(", ");
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** category_2 before category_10 */
function naturally(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
