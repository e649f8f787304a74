// The safetensors files of a folder and the tensors they hold: one file, or an index with its shards. Everything that
// the index promises is checked against the headers, and everything that is wrong is reported at once.

import { fromNative } from "../addon/job.js";
import type { NativeHeader } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import { INDEX_LIMIT, readJsonObject } from "./json.js";
import { listing } from "./listing.js";
import { fileOf, listFolder, type ModelFolder, optionalFileOf } from "./modelFolder.js";
import type { StoredFile } from "./types.js";

/** The part of the native addon that this folder needs. */
export interface HeaderReader {
  readHeader(path: string): NativeHeader;
}

/** A tensor with its dtype as the file spells it, before anything is refused. */
export interface RawTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly file: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface Weights {
  readonly files: readonly StoredFile[];
  readonly tensors: ReadonlyMap<string, RawTensor>;
}

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/**
 * Reads all headers of a model's folder. Where both `model.safetensors` and an index exist, the single file is the
 * model: that is what transformers loads.
 * @throws RetemperError BAD_INPUT; for an index that does not match its shards one error lists all differences.
 */
export async function readWeights(folder: ModelFolder, addon: HeaderReader): Promise<Weights> {
  const single = await optionalFileOf(folder, SINGLE_FILE);
  if (single !== undefined) return readFile(single, addon);
  const index = await optionalFileOf(folder, INDEX_FILE);
  if (index !== undefined) return readShards(folder, index, addon);
  throw noWeights(folder, await listFolder(folder));
}

/**
 * Says at once why a folder holds no model that can be read, before anything else of it is missed.
 * @throws RetemperError BAD_INPUT
 */
export async function requireWeights(folder: ModelFolder): Promise<void> {
  for (const name of [SINGLE_FILE, INDEX_FILE]) if ((await optionalFileOf(folder, name)) !== undefined) return;
  throw noWeights(folder, await listFolder(folder));
}

/** One safetensors file. */
export function readFile(path: string, addon: HeaderReader): Weights {
  const tensors = new Map<string, RawTensor>();
  const header = readHeader(path, addon);
  for (const tensor of tensorsOf(header, 0)) tensors.set(tensor.name, tensor);
  return { files: [storedFile(path, header)], tensors };
}

async function readShards(folder: ModelFolder, index: string, addon: HeaderReader): Promise<Weights> {
  const weightMap = await readWeightMap(index);
  const faults: string[] = [];
  const files: StoredFile[] = [];
  const names: string[] = [];
  const tensors = new Map<string, RawTensor>();
  const absent = new Set<string>();
  for (const shard of [...new Set(weightMap.values())].sort()) {
    if ((await optionalFileOf(folder, shard)) === undefined) {
      absent.add(shard);
      faults.push(`shard ${shard} is missing`);
      continue;
    }
    const path = await fileOf(folder, shard);
    const header = readHeader(path, addon);
    for (const tensor of tensorsOf(header, files.length)) {
      const other = tensors.get(tensor.name);
      if (other) faults.push(`tensor ${tensor.name} is in two shards, ${names[other.file]} and ${shard}`);
      else tensors.set(tensor.name, tensor);
      if (!weightMap.has(tensor.name)) faults.push(`tensor ${tensor.name} of ${shard} is not listed in the index`);
    }
    files.push(storedFile(path, header));
    names.push(shard);
  }
  for (const [name, shard] of weightMap) {
    if (absent.has(shard)) continue;
    const tensor = tensors.get(name);
    if (!tensor) faults.push(`tensor ${name} is not in ${shard}, where the index puts it`);
    else if (names[tensor.file] !== shard) {
      faults.push(`tensor ${name} lies in ${names[tensor.file]}, the index puts it into ${shard}`);
    }
  }
  if (faults.length > 0) {
    throw new RetemperError("BAD_INPUT", `The index and its shards do not match:${listing(faults)}`, {
      file: index,
      hint: "Download or save the model again, all shards from the same save.",
    });
  }
  return { files, tensors };
}

/** weight_map of an index; its values are base names that end in .safetensors, nothing else. */
async function readWeightMap(index: string): Promise<Map<string, string>> {
  const { weight_map: raw } = await readJsonObject(index, INDEX_LIMIT);
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new RetemperError("BAD_INPUT", "weight_map must be an object of tensor names and file names", {
      file: index,
    });
  }
  const weightMap = new Map<string, string>();
  const known = new Set<string>();
  const faults: string[] = [];
  for (const [name, shard] of Object.entries(raw)) {
    if (typeof shard === "string" && (known.has(shard) || isShardName(shard))) {
      known.add(shard);
      weightMap.set(name, shard);
    } else faults.push(`${name}: ${JSON.stringify(shard)?.slice(0, 200)}`);
  }
  if (faults.length > 0) {
    throw new RetemperError("BAD_INPUT", `weight_map names unsafe or impossible files:${listing(faults)}`, {
      file: index,
      hint: "Every value must be the plain name of a .safetensors file in the same folder.",
    });
  }
  if (weightMap.size === 0) throw new RetemperError("BAD_INPUT", "weight_map is empty", { file: index });
  return weightMap;
}

function isShardName(name: string): boolean {
  return name.length <= 255 && /^[^/\\:\0]*[^/\\:\0.]\.safetensors$/.test(name);
}

function readHeader(path: string, addon: HeaderReader): NativeHeader {
  try {
    return addon.readHeader(path);
  } catch (error) {
    throw error instanceof RetemperError ? error : fromNative(error, new Error());
  }
}

function storedFile(path: string, { size, inode, mtimeNs }: NativeHeader): StoredFile {
  return { path, size, inode, mtimeNs };
}

function* tensorsOf(header: NativeHeader, file: number): Generator<RawTensor> {
  for (const [i, name] of header.names.entries()) {
    const offset = header.begins[i] as number;
    yield {
      name,
      dtype: header.dtypes[i] as string,
      shape: header.shapes[i] as readonly number[],
      file,
      offset,
      bytes: (header.ends[i] as number) - offset,
    };
  }
}

/** Why a folder has no model: what it holds instead, and what to do. */
function noWeights(folder: ModelFolder, names: readonly string[]): RetemperError {
  const error = (message: string, hint: string) => new RetemperError("BAD_INPUT", message, { file: folder.path, hint });
  const some = (pattern: RegExp) => names.find((name) => pattern.test(name));
  if (some(/^adapter_(config\.json|model\.(safetensors|bin))$/)) {
    return error(
      "this folder holds a LoRA adapter, not a model",
      `Write it as base+adapter, for example: path/to/base+${folder.path}`,
    );
  }
  const pickle = some(/^(pytorch_model|consolidated).*\.(bin|pth|pt)(\.index\.json)?$|\.(bin|pt|pth|ckpt|pkl)$/);
  if (pickle) {
    return error(
      `there is no ${SINGLE_FILE}, only pickled weights (${pickle}), which can run code when they are read`,
      "Convert it where you trust it: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder).",
    );
  }
  const foreign = some(/\.(gguf|h5|msgpack|onnx)$/);
  if (foreign) {
    return error(
      `there is no ${SINGLE_FILE}; ${foreign} is of another format`,
      "Use the safetensors version of the model, or ask a server that runs this one (--endpoint).",
    );
  }
  const other = some(/\.safetensors$/);
  if (other) {
    return error(
      `there is neither ${SINGLE_FILE} nor ${INDEX_FILE}, but ${other}`,
      `Rename a single file to ${SINGLE_FILE}; shards need their ${INDEX_FILE}.`,
    );
  }
  return error(`there is neither ${SINGLE_FILE} nor ${INDEX_FILE}`, "Check that the model was downloaded completely.");
}
