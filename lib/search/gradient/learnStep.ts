// A step of a search's graph that gives numbers: they lie in its folder, so that a search which was stopped does not learn them again.

import { join } from "node:path";
import { RetemperError } from "../../errors.js";
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
 * @returns what `make` gave, now or in a run before
 * @throws RetemperError BAD_INPUT where one of the numbers is not finite: JSON has no such numbers
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
    const text = JSON.stringify(await make(), (_, value) => {
      if (typeof value !== "number" || Number.isFinite(value)) return value;
      throw new RetemperError("BAD_INPUT", `${name}: a loss or a coefficient is ${value}, no finite number`, {
        hint: "Look whether a model's weights or adapter have such numbers, take engine.precision float32, or leave the way out with search.rows: 0.",
      });
    });
    await records.makeFolderOf(step);
    await writeWhole(file, `${text}\n`);
    return { newTokens: 0, tunedTokens: tokens, bytesWritten: 0 };
  };
  const remains = async () => ({ learned: tokens, units: 1, pending: true });
  await graph([single(step, work, { part: LEARNING, intact: () => exists(file), remains })]);
  return JSON.parse(await readTextAtMost(file, LIMIT)) as T;
}
