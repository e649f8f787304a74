// The files of weights of a folder and the tensors they hold: one file, or an index with its shards. Everything that
// the index promises is checked against the headers, and everything that is wrong is reported at once.

import { fromNative } from "../addon/job.js";
import type { NativeHeader } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import { ggufIn, openGguf } from "./formats/gguf/ggufFolder.js";
import { readPickle } from "./formats/pickle/readPickle.js";
import { INDEX_LIMIT, readJsonObject } from "./json.js";
import { listing } from "./listing.js";
import { fileOf, listFolder, type ModelFolder, optionalFileOf } from "./modelFolder.js";
import type { RawTensor, StoredFile, Weights } from "./types.js";

/** The part of the native addon that this folder needs. */
export interface HeaderReader {
  readHeader(path: string): NativeHeader;
  readBytes(path: string, begin: number, end: number): Uint8Array;
}

export type { RawTensor, Weights };

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** A file of weights by itself, or an index of shards; in the order in which they are looked for. */
type WeightFile =
  | { readonly name: string; readonly kind: "safetensors" | "pickle" }
  | { readonly name: string; readonly kind: "safetensors" | "pickle"; readonly suffix: string };

const WEIGHT_FILES: readonly WeightFile[] = [
  { name: SINGLE_FILE, kind: "safetensors" },
  { name: INDEX_FILE, kind: "safetensors", suffix: ".safetensors" },
  { name: "pytorch_model.bin", kind: "pickle" },
  { name: "pytorch_model.bin.index.json", kind: "pickle", suffix: ".bin" },
  ...["pytorch_model.pt", "model.pt", "model.pth"].map((name) => ({ name, kind: "pickle" }) as const),
];

/**
 * Reads all headers of a model's folder: safetensors where there are any, else what torch.save wrote, else a GGUF file. Where both a single
 * file and an index exist, the single file is the model: that is what transformers loads.
 * @throws RetemperError BAD_INPUT; for an index that does not match its shards one error lists all differences.
 */
export async function readWeights(folder: ModelFolder, addon: HeaderReader): Promise<Weights> {
  if (folder.gguf) return openGguf(folder.gguf.folder, folder.gguf.name);
  const found = await findWeights(folder);
  const read = async (path: string) => (found.kind === "pickle" ? readPickle(path) : readFile(path, addon));
  return "suffix" in found ? readShards(folder, found.path, found.suffix, read) : read(found.path);
}

/** Whether a folder has a model's weights, in any format that is read. */
export async function hasWeights(folder: ModelFolder): Promise<boolean> {
  if (folder.gguf) return true;
  for (const { name } of WEIGHT_FILES) if ((await optionalFileOf(folder, name)) !== undefined) return true;
  return false;
}

async function findWeights(folder: ModelFolder): Promise<WeightFile & { readonly path: string }> {
  for (const one of WEIGHT_FILES) {
    const path = await optionalFileOf(folder, one.name);
    if (path !== undefined) return { ...one, path };
  }
  await ggufIn(folder); // says that there are several
  throw noWeights(folder, await listFolder(folder));
}

/**
 * Says at once why a folder holds no model that can be read, before anything else of it is missed.
 * @throws RetemperError BAD_INPUT
 */
export async function requireWeights(folder: ModelFolder): Promise<void> {
  if (!folder.gguf) await findWeights(folder);
}

/** One safetensors file. */
export function readFile(path: string, addon: HeaderReader): Weights {
  const tensors = new Map<string, RawTensor>();
  const header = readHeader(path, addon);
  for (const tensor of tensorsOf(header, 0)) tensors.set(tensor.name, tensor);
  return { files: [storedFile(path, header)], tensors };
}

/** The shards that an index names, checked against it. @param read reads one of them */
export async function readShards(
  folder: ModelFolder,
  index: string,
  suffix: string,
  read: (path: string) => Promise<Weights>,
): Promise<Weights> {
  const weightMap = await readWeightMap(index, suffix);
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
    const held = await read(path);
    for (const one of held.tensors.values()) {
      const tensor = { ...one, file: files.length };
      const other = tensors.get(tensor.name);
      if (other) faults.push(`tensor ${tensor.name} is in two shards, ${names[other.file]} and ${shard}`);
      else tensors.set(tensor.name, tensor);
      if (!weightMap.has(tensor.name)) faults.push(`tensor ${tensor.name} of ${shard} is not listed in the index`);
    }
    files.push(...held.files);
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

/** weight_map of an index; its values are base names that end in the suffix, nothing else. */
async function readWeightMap(index: string, suffix: string): Promise<Map<string, string>> {
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
    if (typeof shard === "string" && (known.has(shard) || isShardName(shard, suffix))) {
      known.add(shard);
      weightMap.set(name, shard);
    } else faults.push(`${name}: ${JSON.stringify(shard)?.slice(0, 200)}`);
  }
  if (faults.length > 0) {
    throw new RetemperError("BAD_INPUT", `weight_map names unsafe or impossible files:${listing(faults)}`, {
      file: index,
      hint: `Every value must be the plain name of a ${suffix} file in the same folder.`,
    });
  }
  if (weightMap.size === 0) throw new RetemperError("BAD_INPUT", "weight_map is empty", { file: index });
  return weightMap;
}

function isShardName(name: string, suffix: string): boolean {
  return name.length <= 255 && name.endsWith(suffix) && /^[^/\\:\0]*[^/\\:\0.]$/.test(name.slice(0, -suffix.length));
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
  const pickle = some(/\.(bin|pt|pth|ckpt|pkl)$/);
  if (pickle) {
    return error(
      `there is neither ${SINGLE_FILE} nor pytorch_model.bin, but ${pickle}`,
      "Rename it to pytorch_model.bin if it holds the model's weights by the names that transformers has for them.",
    );
  }
  const foreign = some(/\.(h5|msgpack|onnx)$/);
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
