// The tensors of GGUF files under the names, in the shapes and with the values that the same model has in safetensors.

import { RetemperError } from "../../../errors.js";
import { listing } from "../../listing.js";
import type { StoredEncoding, StoredTensor } from "../../types.js";
import { hfName, type OtherName, ROPE_TENSORS } from "./families/families.js";
import type { GgufFamily, GgufMetadata } from "./families/types.js";
import type { GgufHeader, GgufTensor } from "./readHeader.js";

/** @throws RetemperError BAD_INPUT for tensors that the family does not have, all in one error; or that do not fit its heads */
export function ggufTensors(
  family: GgufFamily,
  metadata: GgufMetadata,
  headers: readonly GgufHeader[],
): ReadonlyMap<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const unknown: string[] = [];
  for (const [file, header] of headers.entries()) {
    for (const tensor of header.tensors) {
      if ((ROPE_TENSORS as readonly string[]).includes(tensor.name)) continue;
      const other = hfName(family, tensor.name);
      if (!other) unknown.push(tensor.name);
      else tensors.set(other.name, storedTensor(tensor, other, file, family, metadata, header.file.path));
    }
  }
  if (unknown.length === 0) return tensors;
  throw new RetemperError(
    "BAD_INPUT",
    `the file has tensors that a ${family.architecture} model does not have here:${listing(unknown)}`,
    { file: headers[0]?.file.path, hint: "Mixtures of experts and added modules are not read from GGUF files." },
  );
}

function storedTensor(
  { name: stored, type, shape: storedShape, offset, bytes }: GgufTensor,
  { name, change }: OtherName,
  file: number,
  family: GgufFamily,
  metadata: GgufMetadata,
  path: string,
): StoredTensor {
  const [rows = 1] = storedShape;
  const shape = change.transposed ? [...storedShape].reverse() : storedShape;
  if (change.transposed && storedShape.length !== 2) {
    throw new RetemperError("BAD_INPUT", `it has ${storedShape.length} dimensions, not 2`, {
      file: path,
      tensor: stored,
    });
  }
  const interleave = change.interleavedHeads
    ? rowsOfHead(rows, change.interleavedHeads, family, metadata, stored, path)
    : 0;
  const isVector = storedShape.length === 1;
  // Heads of a bias are of rows of one element.
  const row = isVector && interleave > 0 ? 1 : (storedShape.at(-1) ?? 1);
  const encoding: StoredEncoding = {
    ...(type.blocks ? { kind: "blocks", blocks: type.blocks } : { kind: "elements" }),
    row,
    ...(interleave > 2 && { interleave }),
    ...(change.transposed && { transposed: true }),
    ...(change.plus !== undefined && { plus: -change.plus }),
  };
  if (type.blocks && row % type.elements !== 0) {
    throw new RetemperError("BAD_INPUT", "a bias of blocks cannot be put back in the order of its heads", {
      file: path,
      tensor: stored,
    });
  }
  const plain = !type.blocks && interleave <= 2 && !change.transposed && change.plus === undefined;
  return { name, dtype: type.dtype, shape, file, offset, bytes, ...(!plain && { encoding }) };
}

/** @throws RetemperError BAD_INPUT where the rows are not of so many whole heads */
function rowsOfHead(
  rows: number,
  of: "query" | "key",
  { architecture }: GgufFamily,
  metadata: GgufMetadata,
  tensor: string,
  file: string,
): number {
  const all = metadata.get(`${architecture}.attention.head_count`);
  const own = of === "key" ? (metadata.get(`${architecture}.attention.head_count_kv`) ?? all) : all;
  if (typeof own !== "number" || own < 1 || rows % own !== 0 || (rows / own) % 2 !== 0) {
    const heads = typeof own === "number" ? own : "differing numbers of";
    throw new RetemperError("BAD_INPUT", `its ${rows} rows are not of ${heads} heads with two halves`, {
      file,
      tensor,
    });
  }
  return rows / own;
}
