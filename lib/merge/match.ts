// Checks whether an output is what a merge would write now: same recipe, same options, same inputs, all files there. The
// check is cheap: sizes, times and inodes of large files, digests of small ones. Tensors are read only on request.

import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { runJob } from "../addon/job.js";
import { loadAddon } from "../addon/load.js";
import { type LocateOptions, locate } from "../checkpoint/locate.js";
import { SINGLE_FILE } from "../checkpoint/weights.js";
import { recipeHash, sortKeys } from "../recipe/identity.js";
import { parseRecipe } from "../recipe/load.js";
import { namedModels, rowsFile } from "../recipe/references.js";
import type { ParsedRecipe } from "../recipe/types.js";
import { type InputFile, knownDigests } from "./inputs.js";
import type { MergeOptions } from "./options.js";
import { type Origin, originOf, readRecord, recordedOptions } from "./record.js";
import { type DigestCache, type SideInput, sideInputs } from "./sideInputs.js";
import { verify } from "./verify.js";

/** A merge that an output may be the result of. */
export interface Expected {
  readonly recipe: ParsedRecipe;
  readonly options: MergeOptions;
  /** By name, the merges whose results the recipe reads under that name. Those need not exist any more. */
  readonly stages: ReadonlyMap<string, Expected>;
}

export interface MatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Also read the output, and inputs that lie elsewhere than they did, and compare digests. */
  readonly verify?: boolean | undefined;
  /** Digests of small files, kept from one output to the next. */
  readonly digests?: DigestCache | undefined;
}

/** Undefined if the output is complete and what the merge would write; else one sentence on what differs. */
export async function difference(out: string, expected: Expected, options: MatchOptions): Promise<string | undefined> {
  const origin = await originOf(out);
  if (!origin) return "it has no record that says what it was made from";
  const other = await originDifference(origin, expected, options);
  if (other !== undefined) return other;
  for (const { path, bytes } of await readRecord(out)) {
    const size = await sizeOf(join(out, path));
    if (size === undefined) return `its file ${path} is missing`;
    if (size !== bytes) return `its file ${path} has ${size} bytes, written were ${bytes}`;
  }
  if (!options.verify) return undefined;
  const { ok, problems } = await verify(out, { signal: options.signal });
  return ok ? undefined : `it is not as it was written: ${problems.join("; ")}`;
}

async function originDifference(
  origin: Origin,
  { recipe, options, stages }: Expected,
  match: MatchOptions,
): Promise<string | undefined> {
  match.signal?.throwIfAborted();
  if (hashOf(origin.recipe) !== recipeHash(recipe)) return "it was made from another recipe";
  if (origin.seed !== (options.seed ?? 0)) return `it was made with the seed ${origin.seed}`;
  if (text(origin.options) !== text(recordedOptions(options))) {
    return `it was made with other options: ${text(origin.options)}, now ${text(recordedOptions(options))}`;
  }
  const place = { cache: options.transformersCache, named: options.models };
  const folders = await foldersOf(recipe, stages, place);
  const inputs = await inputDifference(origin.inputs, folders, match);
  if (inputs !== undefined) return inputs;
  const words = await sideInputs(recipe, { ...place, signal: match.signal, digests: match.digests });
  const changed = wordDifference(origin.sidecars, words, folders);
  if (changed !== undefined) return changed;
  for (const [name, stage] of stages) {
    const before = origin.stages && Object.hasOwn(origin.stages, name) ? origin.stages[name] : undefined;
    if (!before) return `its record does not say how the stage ${name} was made`;
    const inner = await originDifference(before, stage, match);
    if (inner !== undefined) return `the stage ${name}: ${inner}`;
  }
  return undefined;
}

/** Folders by the text of a model and its part; without the results of stages, which are judged by their own origin. */
type Folders = ReadonlyMap<string, string | undefined>;

const keyOf = (model: string, part: SideInput["part"] = "model") => `${part} ${model}`;

async function foldersOf(recipe: ParsedRecipe, stages: Expected["stages"], place: LocateOptions): Promise<Folders> {
  const folders = new Map<string, string | undefined>();
  for (const { text, path, revision, lora } of namedModels(recipe)) {
    const found = (at: Parameters<typeof locate>[0]) => locate(at, place).catch(() => undefined);
    if (!stages.has(path)) folders.set(keyOf(text), await found({ path, revision }));
    if (lora && !stages.has(lora.path)) folders.set(keyOf(text, "adapter"), await found(lora));
  }
  const rows = rowsFile(recipe);
  if (rows !== undefined) folders.set(keyOf(rows, "rows"), rows);
  return folders;
}

async function inputDifference(
  inputs: Origin["inputs"],
  folders: Folders,
  { verify: thorough, signal }: MatchOptions,
): Promise<string | undefined> {
  const moved: { readonly file: InputFile; readonly sha256: string }[] = [];
  for (const { model, part, file: name, size, inode, mtimeNs, sha256 } of inputs) {
    if (!folders.has(keyOf(model, part))) continue;
    const file = await storedFile(placeOf(folders.get(keyOf(model, part)) ?? "", name), model);
    if (!file) return `the input ${name} of ${model} is gone`;
    if (file.size !== size) return `the input ${file.path} had ${size} bytes and now has ${file.size}`;
    if (file.inode === inode && file.mtimeNs === mtimeNs) continue;
    if (sha256 === undefined) return `the input ${file.path} was replaced or written to since`;
    moved.push({ file, sha256 });
  }
  for (const [key, folder] of folders) {
    // Where there are both, a single file comes before shards.
    const names = inputs.filter(({ model, part }) => keyOf(model, part) === key).map(({ file }) => file);
    if (names.length === 0 || names.includes(SINGLE_FILE) || key.startsWith("adapter ")) continue;
    if ((await sizeOf(join(folder ?? "", SINGLE_FILE))) !== undefined) return `${folder} has a ${SINGLE_FILE} now`;
  }
  // Another place or time, but perhaps the same content: the hub's cache names files by their digest.
  const known = await knownDigests(moved.map(({ file }) => file));
  const unknown = moved.filter(({ file }) => !known.has(file.path));
  if (thorough && unknown.length > 0) {
    const paths = unknown.map(({ file }) => file.path);
    const digests = await runJob((onProgress) => loadAddon().hashFiles(paths, onProgress), { signal });
    for (const [at, path] of paths.entries()) known.set(path, digests[at] ?? "");
  }
  const other = moved.find(({ file, sha256 }) => known.get(file.path) !== sha256);
  return other && `the input ${other.file.path} was replaced or written to since`;
}

/** Of a GGUF file that a recipe names by itself, the parts lie beside it. */
function placeOf(folder: string, name: string): string {
  return join([folder, name].every((path) => /\.gguf$/i.test(path)) ? dirname(folder) : folder, name);
}

function wordDifference(then: Origin["sidecars"], now: readonly SideInput[], folders: Folders): string | undefined {
  const listed = (files: Origin["sidecars"]) => {
    const counted = files.filter(({ model, part }) => folders.has(keyOf(model, part)));
    return new Map(counted.map(({ model, part, file, sha256 }) => [JSON.stringify([model, part, file]), sha256]));
  };
  const [before, after] = [listed(then), listed(now as Origin["sidecars"])];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    if (before.has(key) && after.has(key) && before.get(key) === after.get(key)) continue;
    const [model, , file] = JSON.parse(key) as [string, string, string];
    const what = !before.has(key) ? "is new" : !after.has(key) ? "is gone" : "was written to since";
    return `the file ${basename(file)} of ${model} ${what}`;
  }
  return undefined;
}

function hashOf(recipe: string): string | undefined {
  try {
    return recipeHash(parseRecipe(recipe, { lenient: true }));
  } catch {
    return undefined; // an old record may hold what is no recipe any more
  }
}

function text(value: unknown): string {
  return JSON.stringify(sortKeys(value));
}

async function storedFile(path: string, model: string): Promise<InputFile | undefined> {
  try {
    const { size, ino, mtimeNs } = await stat(path, { bigint: true });
    return { path, model, size: Number(size), inode: String(ino), mtimeNs: String(mtimeNs) };
  } catch {
    return undefined;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (facts) => (facts.isFile() ? facts.size : undefined),
    () => undefined,
  );
}
