// A step of a search's graph that gives numbers: they lie in its folder, so that a search which was stopped does not learn them again.

import { join } from "node:path";
import type { StepInputs } from "../../experiment/steps/step.js";
import { defineStep, single } from "../../experiment/steps/step.js";
import { exists } from "../../files/exists.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { OpenSearch } from "../openSearch.js";
import { LEARNING } from "./course.js";

const FILE = "numbers.json";
const LIMIT = { most: 2 ** 26, what: "numbers of a search's step" };

/**
 * @param tokens that it reads
 * @param make what is kept, as JSON
 */
export async function learnStep<T>(
  { graph, records }: Pick<OpenSearch, "graph" | "records">,
  { name, inputs, tokens }: { readonly name: string; readonly inputs: StepInputs; readonly tokens: number },
  make: () => Promise<T>,
): Promise<T> {
  const step = defineStep("learn", name, inputs, { work: tokens });
  const file = join(records.folderOf(step), FILE);
  const work = async () => {
    const numbers = await make();
    await records.makeFolderOf(step);
    await writeWhole(file, `${JSON.stringify(numbers)}\n`);
    return { newTokens: 0, tunedTokens: tokens, bytesWritten: 0 };
  };
  const remains = async () => ({ learned: tokens, units: 1, pending: true });
  await graph([single(step, work, { part: LEARNING, intact: () => exists(file), remains })]);
  return JSON.parse(await readTextAtMost(file, LIMIT)) as T;
}
