// The one way into a model's folder: which of its files may be opened. A GGUF file is such a folder, too: its metadata
// stand for the files that it lacks (config.json, tokenizer.json), which exist in memory only.

import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { checkedFile, fileError, filesIn, type ModelFolder } from "./folderFiles.js";
import { ggufIn, madeFiles } from "./formats/gguf/ggufFolder.js";
import { keepMadeTexts } from "./madeTexts.js";

export { fileError, type ModelFolder };

/**
 * Opens a folder.
 * @throws RetemperError BAD_INPUT when there is none, or it is a file.
 */
export async function openFolder(path: string): Promise<ModelFolder> {
  const absolute = resolve(path);
  let real: string;
  try {
    real = await realpath(absolute);
    const facts = await stat(real);
    if (!facts.isDirectory()) {
      if (facts.isFile() && absolute.toLowerCase().endsWith(".gguf")) return await ggufFile(absolute);
      throw new RetemperError("BAD_INPUT", "this is a file, not the folder of a model", {
        file: absolute,
        hint: "Give the folder that holds config.json and the .safetensors files, or a .gguf file.",
      });
    }
  } catch (error) {
    throw error instanceof RetemperError ? error : fileError(error, absolute);
  }
  // A snapshot of the hub's cache, or a folder in one: its links lead to the repository's blobs.
  const [, repository] = /^(.*\/(?:models|datasets|spaces)--[^/]+)\/snapshots\/[^/]+(?:\/|$)/.exec(real) ?? [];
  return withGguf({ path: absolute, real, ...(repository !== undefined && { blobs: join(repository, "blobs") }) });
}

/** A GGUF file as the folder of its model. What lies beside it may be of other models. */
async function ggufFile(path: string): Promise<ModelFolder> {
  const beside = await openFolder(dirname(path));
  const { made: _, gguf: __, ...around } = beside;
  const gguf = { folder: around, name: basename(path) };
  const made = await madeFiles(around, gguf.name);
  keepMadeTexts(path, made);
  return { ...around, path, real: path, gguf, made };
}

/** A folder whose weights are in a GGUF file. What is wrong with that file is said when the weights are read. */
async function withGguf(folder: ModelFolder): Promise<ModelFolder> {
  const name = await ggufIn(folder).catch(() => undefined);
  if (name === undefined) return folder;
  const found = { ...folder, gguf: { folder, name } };
  try {
    const here = new Set(await filesIn(folder));
    const made = new Map([...(await madeFiles(folder, name))].filter(([file]) => !here.has(file)));
    keepMadeTexts(folder.path, made);
    return { ...found, made };
  } catch (error) {
    if (error instanceof RetemperError) return found;
    throw error;
  }
}

/** Names of everything in the folder, sorted. */
export async function listFolder(folder: ModelFolder): Promise<string[]> {
  const names = folder.gguf && folder.gguf.folder.real !== folder.real ? [] : await filesIn(folder);
  return [...new Set([...names, ...(folder.made?.keys() ?? [])])].sort();
}

/**
 * The path of a regular file of the folder, checked. Symbolic links must stay inside the folder or lead into the hub
 * repository's blobs.
 * @throws RetemperError BAD_INPUT (absent, a link that leads out, a FIFO, a device, a folder) or IO.
 */
export async function fileOf(folder: ModelFolder, name: string): Promise<string> {
  return folder.made?.has(name) ? join(folder.path, name) : checkedFile(folder, name);
}

/** The same, or undefined where the folder has no such name at all. */
export async function optionalFileOf(folder: ModelFolder, name: string): Promise<string | undefined> {
  if (folder.made?.has(name)) return fileOf(folder, name);
  const there = await lstat(join(folder.path, name)).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return false;
      throw fileError(error, join(folder.path, name));
    },
  );
  return there ? await fileOf(folder, name) : undefined;
}
