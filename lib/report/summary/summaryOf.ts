// The first screen of a report, from its results.

import type { ExperimentResults } from "../types.js";
import { weightsSentences } from "../weightsText.js";
import { keyNumbers } from "./keyNumbers.js";
import { markOf } from "./markOf.js";
import { outlookText } from "./outlookText.js";
import type { Summary, UseIt } from "./summary.js";

export function summaryOf(results: ExperimentResults): Summary {
  const use = useOf(results);
  const forms = weightsSentences(results);
  return { ...markOf(results), forms, ...keyNumbers(results), ...(use && { use }), ...outlookText(results) };
}

/** The folder to ship, and a command that uses it. */
function useOf({ shipped, provenance }: ExperimentResults): UseIt | undefined {
  if (!shipped) return undefined;
  const { link, path, why, seed } = shipped;
  const folder = link ?? path;
  return {
    folder,
    ...(link !== undefined && { leadsTo: path }),
    command: `retemper serve ${folder}`,
    ...(why !== undefined && { seed: `Seed ${seed} of ${provenance.seeds.length}` }),
  };
}
