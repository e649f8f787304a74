// retemper.json: what an output was made from and what it must look like, for `verify` and for people who want to repeat
// it. It says nothing of the run itself (time, threads), so that the same inputs give the same bytes.

import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { RetemperError } from "../errors.js";
import type { NativeFacts } from "../plan/types.js";
import type { InputFile } from "./inputs.js";
import { ioError } from "./ioError.js";
import type { OutputFile } from "./report.js";

export const RECORD_FILE = "retemper.json";
/** Facts of a hundred thousand tensors stay far below. */
const LIMIT = 256 << 20;

export interface RecordFacts {
  readonly version: string;
  readonly method: string;
  readonly seed: number;
  readonly recipe: string;
  readonly files: readonly OutputFile[];
  readonly inputs: readonly InputFile[];
  /** By path. */
  readonly digests: ReadonlyMap<string, string>;
  readonly facts: readonly NativeFacts[];
}

/** The text of retemper.json. */
export function recordText({ version, method, seed, recipe, files, inputs, digests, facts }: RecordFacts): string {
  const record = {
    format: 1,
    tool: { name: "retemper", version },
    method,
    seed,
    recipe,
    outputs: files,
    // The models as the recipe writes them and the names of their files: outputs are published, and absolute paths tell
    // more of a machine than its owner may wish.
    inputs: inputs.map(({ model, path, size, inode, mtimeNs }) => {
      return { model, file: basename(path), size, inode, mtimeNs, sha256: digests.get(path) };
    }),
    tensors: facts.map(({ variant: _one, ...fact }) => fact),
  };
  return `${JSON.stringify(record, null, 1)}\n`;
}

const recordSchema = z.object({
  outputs: z.array(
    z.object({
      path: z.string().regex(/^(?!\.{1,2}(\/|$))[^/\0\\]+(\/(?!\.{1,2}(\/|$))[^/\0\\]+)*$/),
      bytes: z.number().int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/**
 * The files that the record of an output lists.
 * @throws RetemperError BAD_INPUT when the folder has no record, or one that cannot be read.
 */
export async function readRecord(out: string): Promise<readonly OutputFile[]> {
  const path = join(out, RECORD_FILE);
  let text: string;
  try {
    const stats = await stat(path);
    if (!stats.isFile() || stats.size > LIMIT)
      throw new RetemperError("BAD_INPUT", "this is no record of a merge", { file: path });
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw ioError(error, path, "cannot read");
    throw new RetemperError("BAD_INPUT", `${out} has no ${RECORD_FILE}, so nothing says what it should hold`, {
      file: out,
      hint: "only the output of a merge can be verified",
    });
  }
  try {
    return recordSchema.parse(JSON.parse(text)).outputs;
  } catch (cause) {
    throw new RetemperError("BAD_INPUT", "the record of the merge is damaged", {
      file: path,
      hint: "the output is not as it was written; merge again",
      cause,
    });
  }
}
