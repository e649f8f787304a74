// Finds out whether a file that is being written still has its name: bytes of one that was removed, or replaced, go nowhere.

import { statSync } from "node:fs";
import { RetemperError } from "../errors.js";

/**
 * @param facts of the open file
 * @throws RetemperError IO where `path` is another file by now, or none
 */
export function requireInPlace(path: string, facts: { readonly dev: number; readonly ino: number }): void {
  const named = statSync(path, { throwIfNoEntry: false });
  if (named?.ino === facts.ino && named.dev === facts.dev) return;
  throw new RetemperError("IO", `was ${named ? "replaced" : "removed"} while it was written`, {
    file: path,
    hint: "leave the output's folder alone until the command has ended, and start again",
  });
}
