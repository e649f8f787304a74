// Made inputs that are kept for as long as something works with the same recipes again and again, as an experiment does: a merge at
// seven lambdas, asked for in several steps, is prepared once.

import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { freeBytes } from "../../files/freeBytes.js";
import { ioError } from "../../files/ioError.js";
import { type OwnedFolder, ownedFolder } from "../../output/ownedFolder.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { inputFiles } from "../inputs.js";
import { openModels } from "../models.js";
import { sideInputs } from "../sideInputs.js";
import { diskOfMade } from "./diskOfMade.js";
import { alignedModel } from "./theModels.js";
import type { MadeInputs, PrepareOptions } from "./types.js";
import { whatIsMade } from "./whatIsMade.js";

interface Keeping {
  users: number;
  /** Made when something is kept. */
  place?: Promise<OwnedFolder> | undefined;
  readonly made: Map<string, Promise<MadeInputs>>;
}

let keeping: Keeping | undefined;

/**
 * Keeps what is made while `work` goes on, in a folder that goes with it, or with the next run where this one is killed. Several at once
 * share what they keep.
 */
export async function keepingMade<T>(work: () => Promise<T>): Promise<T> {
  keeping ??= { users: 0, made: new Map() };
  const own = keeping;
  own.users += 1;
  try {
    return await work();
  } finally {
    own.users -= 1;
    if (own.users === 0) {
      keeping = undefined;
      // The result of `work`, or its error, is what counts: the next run removes what stays.
      await own.place?.then((place) => place.remove()).catch(() => {});
    }
  }
}

/**
 * What a recipe needs: made in `folder`, or, where it is kept, in the place of what is kept, once for the same method, parameters and
 * files: then nothing was written. Nothing is kept where the disk has not twice the room that it takes.
 * @param make makes it in a folder, which exists and is empty
 */
export async function madeOnce(
  recipe: ParsedRecipe,
  folder: string,
  options: PrepareOptions,
  make: (folder: string) => Promise<MadeInputs>,
): Promise<MadeInputs> {
  const own = keeping;
  if (!own) return make(folder);
  const { addon, signal, models: named, transformersCache: cache } = options;
  const opened = await openModels(recipe, { addon, signal, cache, named });
  const files = inputFiles(opened.checkpoints);
  const words = await sideInputs(recipe, { cache, named, signal });
  const key = createHash("sha256")
    .update(JSON.stringify([whatIsMade(recipe), files, words]))
    .digest("hex");
  const known = own.made.get(key);
  if (known) return { ...(await known), bytesWritten: 0 };
  own.place ??= ownedFolder("retemper-prepared-").catch((error: unknown) => {
    own.place = undefined; // a later call tries anew
    throw error;
  });
  const { path } = await own.place;
  const free = await freeBytes(path);
  const aligned = opened.checkpoints.get(alignedModel(recipe).text);
  const needed = diskOfMade(recipe, aligned?.tensors.values() ?? [], opened);
  if (free !== undefined && free < MARGIN * needed) return make(folder);
  const made = own.made.get(key) ?? makeIn(join(path, key), make);
  own.made.set(key, made);
  // What failed is tried anew.
  made.catch(() => own.made.delete(key));
  return made;
}

/** The rest of the disk is for what is merged of it. */
const MARGIN = 2;

async function makeIn(folder: string, make: (folder: string) => Promise<MadeInputs>): Promise<MadeInputs> {
  await mkdir(folder).catch((error: unknown) => {
    throw ioError(error, folder, "cannot make a folder");
  });
  return make(folder).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  });
}
