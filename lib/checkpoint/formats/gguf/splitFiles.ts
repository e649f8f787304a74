// Which files hold a model: one, or all of a split one, whose first has the metadata.

import { basename, join } from "node:path";
import { RetemperError } from "../../../errors.js";
import { checkedFile, filesIn, type ModelFolder } from "../../folderFiles.js";
import { listing } from "../../listing.js";
import { type GgufHeader, readGgufHeader } from "./readHeader.js";

const PART = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;

/**
 * The headers of all files of a model.
 * @param name a file of the folder: a whole model, or the first of its parts
 * @throws RetemperError BAD_INPUT for parts that are missing, or are not of one model, all of them in one error
 */
export async function readGgufFiles(folder: ModelFolder, name: string): Promise<readonly GgufHeader[]> {
  const path = await checkedFile(folder, name);
  const first = readGgufHeader(path);
  const count = first.metadata.get("split.count") ?? 1;
  if (count === 1 || count === 0) return [first];
  const parts = PART.exec(name);
  if (typeof count !== "number" || first.metadata.get("split.no") !== 0 || !parts || Number(parts[3]) !== count) {
    const meant = parts ? `${parts[1]}-00001-of-${parts[3]}.gguf` : "the part whose name ends with -00001-of-…";
    throw new RetemperError("BAD_INPUT", "this is not the first part of a split model, or it was renamed", {
      file: path,
      hint: `Name the folder, or ${meant}; parts keep the names that they were made with.`,
    });
  }
  return readParts(folder, first, parts[1] as string, count);
}

async function readParts(folder: ModelFolder, first: GgufHeader, stem: string, count: number) {
  const names = new Set(await filesIn(folder));
  const nameOf = (no: number) => `${stem}-${String(no + 1).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.gguf`;
  const faults: string[] = [];
  const headers = [first];
  const seen = new Map(first.tensors.map((tensor) => [tensor.name, basename(first.file.path)]));
  for (let no = 1; no < count; no++) {
    const name = nameOf(no);
    if (!names.has(name)) {
      faults.push(`${name} is missing`);
      continue;
    }
    const header = readGgufHeader(await checkedFile(folder, name));
    const [own, all] = [header.metadata.get("split.no"), header.metadata.get("split.count")];
    if (own !== no || all !== count) faults.push(`${name} says that it is part ${own} of ${all}`);
    for (const tensor of header.tensors) {
      const other = seen.get(tensor.name);
      if (other !== undefined) faults.push(`the tensor ${tensor.name} is in ${other} and ${name}`);
      seen.set(tensor.name, name);
    }
    headers.push(header);
  }
  const tensors = first.metadata.get("split.tensors.count");
  if (faults.length === 0 && tensors !== undefined && tensors !== seen.size) {
    faults.push(`the first part says that there are ${tensors} tensors, and there are ${seen.size}`);
  }
  if (faults.length === 0) return headers;
  throw new RetemperError("BAD_INPUT", `the parts of the model do not fit together:${listing(faults)}`, {
    file: first.file.path,
    hint: "Download the model again, all parts from the same place.",
  });
}

/**
 * The GGUF file that a folder means: its only one, or the first of its only split one. Projectors of images (mmproj…) do
 * not count. Undefined where there is none.
 * @throws RetemperError BAD_INPUT where there are several
 */
export function ggufOf(folder: ModelFolder, names: readonly string[]): string | undefined {
  const models = names.filter((name) => /\.gguf$/i.test(name) && !/^mmproj/i.test(name));
  const starts = models.filter((name) => (PART.exec(name)?.[2] ?? "00001") === "00001");
  const [first, ...others] = starts.length > 0 ? starts : models;
  if (first === undefined || others.length === 0) return first;
  throw new RetemperError("BAD_INPUT", `the folder holds several GGUF models:${listing([first, ...others])}`, {
    file: folder.path,
    hint: `Name the one that is meant, for example ${join(folder.path, first)}.`,
  });
}
