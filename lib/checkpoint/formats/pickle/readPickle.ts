// Weights that torch.save wrote (.bin, .pt, .pth): which tensors there are, and where their bytes lie. The pickle inside is
// read as data (unpickle.ts); the tensors stay in the file, and the engine reads them from there as it reads safetensors.

import { RetemperError } from "../../../errors.js";
import { elementsOf } from "../../elementsOf.js";
import type { RawTensor, Weights } from "../../types.js";
import { viewEncoding } from "../../viewEncoding.js";
import { type PickledBytes, PickleFile } from "./pickleFile.js";
import { readLegacy } from "./readLegacy.js";
import { type PickledCheckpoint, readZip } from "./readZip.js";
import { stateDict } from "./stateDict.js";
import type { View } from "./values.js";

/**
 * The tensors of a file.
 * @throws RetemperError BAD_INPUT for what is broken, is no checkpoint of torch's, or asks for more than tensors and
 * containers: by its name, and nothing of it is run. IO.
 */
export function readPickle(path: string): Promise<Weights> {
  return PickleFile.with(path, async (file) => ({ files: [file.stored], tensors: await pickledTensors(file) }));
}

/** The same of bytes that may be brought from elsewhere: no more of them are read than say which tensors there are. */
export async function pickledTensors(file: PickledBytes): Promise<ReadonlyMap<string, RawTensor>> {
  const checkpoint = await open(file);
  const tensors = new Map<string, RawTensor>();
  for (const [name, view] of stateDict(checkpoint.value, file.path)) {
    tensors.set(name, rawTensor(name, view, checkpoint, file.path));
  }
  return tensors;
}

async function open(file: PickledBytes): Promise<PickledCheckpoint> {
  const start = await file.start(512);
  if (start.toString("latin1", 0, 4) === "PK\x03\x04") return readZip(file);
  const what = foreign(start);
  if (what === undefined) return readLegacy(file);
  throw new RetemperError("BAD_INPUT", `is ${what}, not a checkpoint of torch's`, {
    file: file.path,
    hint: "Download the model's files again (with Git: git lfs pull).",
  });
}

/** What a file is that has weights' name and is none. Everything else is read as a pickle, and refused by what it asks for. */
function foreign(start: Buffer): string | undefined {
  const text = start.toString("latin1");
  if (text.length === 0) return "empty";
  if (text.startsWith("version https://git-lfs")) return "a Git LFS pointer";
  if (/^\s*<(!doctype|html|head|\?xml)/i.test(text)) return "a web page";
  if (text.startsWith("GGUF")) return "a GGUF file";
  if (text.slice(257, 262) === "ustar") return "a tar archive of torch before 0.2";
  if (!/^[\x80()\]}NILSVKMJFGXUTBCPc\x8a-\x8f\x95-\x97]/.test(text)) return "a file of another kind";
  return undefined;
}

function rawTensor(name: string, view: View, checkpoint: PickledCheckpoint, file: string): RawTensor {
  const { storage, dtype, offset, shape } = view;
  const encoding = viewEncoding(view);
  if (encoding && !isFloat(dtype.name)) {
    throw new RetemperError("BAD_INPUT", "its whole numbers do not lie one after the other (a transposed view?)", {
      file,
      tensor: name,
      hint: "Save it with .contiguous().",
    });
  }
  return {
    name,
    dtype: dtype.name,
    shape,
    file: 0,
    offset: checkpoint.placeOf(storage) + storage.first * storage.dtype.bytes + offset * dtype.bytes,
    bytes: elementsOf(view) * dtype.bytes,
    ...(encoding && { encoding }),
  };
}

/** What the engine computes with; whole numbers are copied byte by byte. */
function isFloat(dtype: string): boolean {
  return ["F64", "F32", "F16", "BF16"].includes(dtype);
}
