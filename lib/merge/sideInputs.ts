// The files that a merge depends on beside tensors: configuration, tokenizers, templates, an adapter's settings. Their
// digests go into the record of the output, so that a later run can check whether it would write the same.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { type LocateOptions, locate } from "../checkpoint/locate.js";
import { madeText } from "../checkpoint/madeTexts.js";
import { listFolder, openFolder } from "../checkpoint/modelFolder.js";
import { sidecarKind } from "../checkpoint/sidecars.js";
import { ioError } from "../files/ioError.js";
import { pieces } from "../files/readPiece.js";
import { namedModels, rowsFile } from "../recipe/references.js";
import type { ParsedRecipe } from "../recipe/types.js";

export interface SideInput {
  /** Reference of the model as the recipe writes it. */
  readonly model: string;
  /** "rows": a file of rows that the method reads, which is no model; `model` is then its path. */
  readonly part: "model" | "adapter" | "rows";
  readonly file: string;
  /** Lower-case sha256; undefined where the file cannot be read. */
  readonly sha256: string | undefined;
}

/** Digests by identity of a file, for callers that ask for the same models many times. */
export type DigestCache = Map<string, string>;

/**
 * The side files of all models that a recipe names, in the order of the models and then of names, and the rows that it reads. A model
 * that is not there has none: what is missing is reported by those who need it.
 */
export async function sideInputs(
  recipe: ParsedRecipe,
  options: LocateOptions & { readonly signal?: AbortSignal | undefined; readonly digests?: DigestCache | undefined },
): Promise<SideInput[]> {
  const known = new Map<string, string | undefined>();
  const found: SideInput[] = [];
  for (const { text, path, revision, lora } of namedModels(recipe)) {
    options.signal?.throwIfAborted();
    const places = [{ part: "model" as const, at: { path, revision } }];
    for (const { part, at } of [...places, ...(lora ? [{ part: "adapter" as const, at: lora }] : [])]) {
      for (const { file, path: full } of await sideFilesOf(at, options, part)) {
        if (!known.has(full)) known.set(full, await digestOf(full, options.digests));
        found.push({ model: text, part, file, sha256: known.get(full) });
      }
    }
  }
  const rows = rowsFile(recipe);
  if (rows !== undefined) {
    const sha256 = await digestOf(rows, options.digests);
    found.push({ model: rows, part: "rows", file: basename(rows), sha256 });
  }
  return found;
}

async function sideFilesOf(at: Parameters<typeof locate>[0], options: LocateOptions, part: SideInput["part"]) {
  try {
    const folder = await openFolder(await locate(at, options));
    const names = await listFolder(folder);
    return names.filter((name) => isSideFile(name, part)).map((file) => ({ file, path: join(folder.path, file) }));
  } catch {
    return [];
  }
}

function isSideFile(name: string, part: SideInput["part"]): boolean {
  if (part === "adapter") return name === "adapter_config.json";
  return name === "config.json" || name.endsWith(".index.json") || sidecarKind(name) !== undefined;
}

async function digestOf(path: string, digests: DigestCache = new Map()): Promise<string | undefined> {
  const made = madeText(path);
  if (made !== undefined) return createHash("sha256").update(made).digest("hex");
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO must not block the run
    try {
      const facts = await handle.stat({ bigint: true });
      if (!facts.isFile()) return undefined;
      const identity = [path, facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join("\n");
      const known = digests.get(identity);
      if (known !== undefined) return known;
      const digest = createHash("sha256");
      for await (const piece of pieces(handle)) digest.update(piece);
      const sha256 = digest.digest("hex");
      digests.set(identity, sha256);
      return sha256;
    } finally {
      await handle.close();
    }
  } catch (error) {
    // What may not be read is reported by those who need it; a disk that fails once must not make two records of one merge.
    if ((error as NodeJS.ErrnoException).code === "EIO") throw ioError(error, path, "cannot read");
    return undefined;
  }
}
