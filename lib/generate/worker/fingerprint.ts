// Whether two runs had the same model: a digest over what its folder holds, without reading weights.

import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { readAtMost } from "../../files/readAtMost.js";

/** Files that decide answers beside the weights, where a model has them. */
const SMALL_FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/**
 * sha256 of the small files' contents and of the weights' names, sizes and times of change: weights are not read.
 * @param recipe of a virtual merge
 * @throws RetemperError IO for a file that is there and cannot be read: without it this would be another model
 */
export async function fingerprintOf({ folder, files }: Checkpoint, recipe?: string): Promise<string> {
  const digest = createHash("sha256");
  if (recipe !== undefined) digest.update(JSON.stringify(["recipe", recipe]));
  for (const { path, size, mtimeNs } of files) digest.update(JSON.stringify([basename(path), size, mtimeNs]));
  for (const name of SMALL_FILES) {
    const contents = await contentsOf(join(folder, name));
    if (contents) digest.update(JSON.stringify([name, contents.length])).update(contents);
  }
  return digest.digest("hex");
}

async function contentsOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readAtMost(path, { most: 2 ** 29, what: "a file beside weights" });
  } catch (error) {
    if (error instanceof RetemperError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw ioError(error, path, "cannot read");
  }
}
