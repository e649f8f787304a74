// The text of an experiment or a study: one YAML or JSON document, with its places.

import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { isMissing } from "../../files/isMissing.js";
import { nearbyName } from "../../files/nearbyName.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { readDocuments } from "../../recipe/document.js";
import { DocumentError, type LocatedDocument } from "../../recipe/located.js";
import { badRecipe } from "../../recipe/problems.js";

/** How large such a text may be. */
const MOST = { maxText: 2 ** 21, maxValues: 50_000 };

type Noun = "experiment" | "study";
const WHAT: Readonly<Record<Noun, string>> = { experiment: "an experiment", study: "a study" };
const INIT: Readonly<Record<Noun, string>> = { experiment: "retemper init", study: "retemper init --study" };

/** @throws RetemperError BAD_RECIPE where there is no such file, or it is no YAML, holds several documents or expands to too much */
export async function readDocument(file: string, noun: Noun): Promise<LocatedDocument> {
  const limit = { most: 4 * MOST.maxText, what: WHAT[noun], pipes: true, code: "BAD_RECIPE" } as const;
  const text = await readTextAtMost(file, limit).catch(async (error: unknown) => {
    throw await unread(error, file, noun);
  });
  try {
    const [document, second] = readDocuments(text, { noun, ...MOST });
    if (second === undefined) return document ?? { value: undefined, locate: () => undefined };
    throw new DocumentError("this file holds several documents, expected one", second.start);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw badRecipe(error.message, error.at, file, error.hint, error);
  }
}

async function unread(error: unknown, file: string, noun: Noun): Promise<RetemperError> {
  if ((error as NodeJS.ErrnoException).code === "EISDIR") {
    const named = new RegExp(`^${noun}.*\\.(ya?ml|json)$`, "i");
    const [name] = (await readdir(file).catch(() => [])).filter((one) => named.test(one));
    const hint = name === undefined ? "name the YAML file in it" : `give ${join(file, name)}`;
    return badRecipe(`this is a folder, not ${WHAT[noun]}`, undefined, file, hint, error);
  }
  if (!isMissing(error)) return ioError(error, file, `cannot read the ${noun}`);
  const near = await nearbyName(resolve(file));
  const hint =
    near === undefined
      ? `give the path of ${WHAT[noun]}.yml; ${INIT[noun]} writes one`
      : `is ${join(dirname(file), near)} meant?`;
  return badRecipe(`no such ${noun}`, undefined, file, hint, error);
}
