// The files of a folder that someone else made, as they are on disk: links that lead out, FIFOs and devices are refused
// before anything is opened.

import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";

export interface ModelFolder {
  /** As located; errors name files under it. */
  readonly path: string;
  /** The same without symbolic links. */
  readonly real: string;
  /** `blobs/` of the hub repository when the folder is a snapshot of the local cache: its links lead there. */
  readonly blobs?: string;
  /** The GGUF file of the model, where that holds its weights: `path` itself, or a file of the folder. */
  readonly gguf?: { readonly folder: ModelFolder; readonly name: string };
  /** Files that do not exist and are made of the GGUF file's metadata, by name. */
  readonly made?: ReadonlyMap<string, () => string>;
}

/** Names of everything in the folder, sorted. */
export async function filesIn(folder: ModelFolder): Promise<string[]> {
  try {
    return (await readdir(folder.real)).sort();
  } catch (error) {
    throw fileError(error, folder.path);
  }
}

/**
 * The path of a regular file of the folder, checked. Symbolic links must stay inside the folder or lead into the hub
 * repository's blobs.
 * @throws RetemperError BAD_INPUT (absent, a link that leads out, a FIFO, a device, a folder) or IO.
 */
export async function checkedFile(folder: ModelFolder, name: string): Promise<string> {
  const path = join(folder.path, name);
  let target = path;
  try {
    if ((await lstat(path)).isSymbolicLink()) {
      target = await realpath(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        throw new RetemperError("BAD_INPUT", "the link leads to a file that does not exist", {
          file: path,
          hint: "If this is the hub's cache, the download is incomplete: download the model again.",
        });
      });
      const allowed = [folder.real, ...(folder.blobs ? [folder.blobs] : [])];
      if (!allowed.some((root) => target.startsWith(root + sep))) {
        throw new RetemperError("BAD_INPUT", `the link leads out of the model's folder, to ${target}`, {
          file: path,
          hint: "Copy the file into the folder, or name the folder that really holds the model.",
        });
      }
    }
    const found = await stat(target);
    if (!found.isFile()) {
      const kind = found.isDirectory()
        ? "a folder"
        : found.isFIFO()
          ? "a FIFO"
          : found.isSocket()
            ? "a socket"
            : "a device";
      throw new RetemperError("BAD_INPUT", `this is ${kind}, not a regular file`, { file: path });
    }
  } catch (error) {
    throw error instanceof RetemperError ? error : fileError(error, path);
  }
  return path;
}

/** A system error on an input as one of ours: what does not exist is BAD_INPUT, the rest IO. */
export function fileError(error: unknown, file: string): RetemperError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR")
    return new RetemperError("BAD_INPUT", "no such file", { file, cause: error });
  if (code === "ELOOP") return new RetemperError("BAD_INPUT", "the links lead in a circle", { file, cause: error });
  if (code === "ENAMETOOLONG") return new RetemperError("BAD_INPUT", "the name is too long", { file, cause: error });
  if (code !== "EACCES" && code !== "EPERM") return ioError(error, file, "cannot read");
  const hint = "Check the permissions of the file and its folder.";
  return new RetemperError("IO", `cannot read: ${code}`, { file, hint, cause: error });
}
