// What a folder gets from a GGUF file: its model, and the files that metadata stand for. Headers are read once as long as a
// file stays what it is.

import { statSync } from "node:fs";
import { join } from "node:path";
import { filesIn, type ModelFolder } from "../../folderFiles.js";
import { type GgufModel, ggufModel } from "./ggufModel.js";
import { ggufOf, readGgufFiles } from "./splitFiles.js";
import { vocabularyFiles } from "./vocabulary/vocabularyFiles.js";

/**
 * The GGUF file that holds a folder's weights; undefined where there is none, or safetensors or pickled ones come before it.
 * @throws RetemperError BAD_INPUT where there are several
 */
export async function ggufIn(folder: ModelFolder): Promise<string | undefined> {
  const names = await filesIn(folder);
  if (names.some((name) => /\.safetensors(\.index\.json)?$|^pytorch_model.*\.bin(\.index\.json)?$/.test(name)))
    return undefined;
  return ggufOf(folder, names);
}

/** @throws RetemperError BAD_INPUT for files that are broken, or of a family that is not known; IO */
export async function openGguf(folder: ModelFolder, name: string): Promise<GgufModel> {
  const place = join(folder.path, name);
  const known = MODELS.get(place);
  if (known && known.identity === identityOf(known.model)) return known.model;
  const model = ggufModel(await readGgufFiles(folder, name));
  MODELS.delete(place);
  MODELS.set(place, { identity: identityOf(model), model });
  const [oldest] = MODELS.keys();
  if (MODELS.size > MOST_MODELS && oldest !== undefined) MODELS.delete(oldest);
  return model;
}

/** Metadata of large vocabularies take megabytes. */
const MOST_MODELS = 4;
const MODELS = new Map<string, { readonly identity: string; readonly model: GgufModel }>();

function identityOf({ files }: GgufModel): string {
  return files
    .map(({ path }) => {
      const facts = statSync(path, { bigint: true, throwIfNoEntry: false });
      return facts ? [facts.size, facts.ino, facts.mtimeNs, facts.ctimeNs].join() : "gone";
    })
    .join("\n");
}

/** config.json and the tokenizer's files, by name; their texts are made when they are asked for. */
export async function madeFiles(folder: ModelFolder, name: string): Promise<ReadonlyMap<string, () => string>> {
  const model = await openGguf(folder, name);
  return new Map([["config.json", () => model.configText], ...vocabularyFiles(model)]);
}
