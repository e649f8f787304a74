// Texts of files that do not exist: those that are made of a GGUF file's metadata. Whoever opens a folder puts them here
// under the paths that the files would have, and whoever reads such a path finds them.

import { join } from "node:path";

/** Of the folders that were opened last; a text is made when it is read. */
const MOST_FOLDERS = 32;
const FOLDERS = new Map<string, ReadonlyMap<string, () => string>>();

/** Keeps the texts of a folder's made files, by name. */
export function keepMadeTexts(folder: string, made: ReadonlyMap<string, () => string>): void {
  FOLDERS.delete(folder);
  FOLDERS.set(folder, made);
  const [oldest] = FOLDERS.keys();
  if (FOLDERS.size > MOST_FOLDERS && oldest !== undefined) FOLDERS.delete(oldest);
}

/** The text of a made file by its path; undefined for every other path. */
export function madeText(path: string): string | undefined {
  for (const [folder, made] of FOLDERS) {
    if (!path.startsWith(folder)) continue;
    for (const [name, text] of made) if (join(folder, name) === path) return text();
  }
  return undefined;
}
