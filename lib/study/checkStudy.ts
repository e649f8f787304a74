// Everything that is wrong with a study and with the models and data that it names, in one error, before anything long starts.

import { RetemperError } from "../errors.js";
import { tunedModels } from "../experiment/candidates/tunedModels.js";
import { check } from "../experiment/checks/check.js";
import { experimentFolder } from "./experimentFolder.js";
import type { ReadStudy } from "./settings/readStudy.js";

/** @throws RetemperError with every problem of every experiment, each once */
export async function checkStudy(
  { experiments, problems }: ReadStudy,
  out: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const one of experiments) {
    const { settings, given } = one;
    problems.given = given;
    try {
      const checked = await check(settings, tunedModels(settings), experimentFolder(out, one), { signal, problems });
      await checked.close();
    } catch (error) {
      signal?.throwIfAborted();
      // what it found is among the problems, which are told together in the end
      if (!(error instanceof RetemperError) || !problems.any) throw error;
    }
  }
  problems.throwIfAny();
}
