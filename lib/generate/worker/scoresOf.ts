// The results of scoring: memory for all of them, checked before anything is computed, and filled as rows come.

import { RetemperError } from "../../errors.js";
import { availableMemory } from "../../nn/memory/machineMemory.js";
import type { PromptWork, ScoreEvents } from "../loop/job.js";
import { logProbability } from "../loop/logSoftmax.js";

export interface Scores {
  /** One array an input. */
  readonly scores: readonly Float32Array<ArrayBuffer>[];
  readonly rows: ScoreEvents["rows"];
}

/** @throws RetemperError OUT_OF_MEMORY */
export function scoresOf(prompts: readonly PromptWork[], what: "logits" | "logprobs", vocabulary: number): Scores {
  const scores = roomFor(prompts.map(({ ids: { length } }) => (what === "logits" ? length * vocabulary : length - 1)));
  const rows: Scores["rows"] = (index, first, logits) => {
    const into = scores[index] as Float32Array;
    if (what === "logits") return into.set(logits, first * vocabulary);
    const { ids } = prompts[index] as PromptWork;
    for (let i = 0; i < logits.length / vocabulary && first + i < into.length; i++) {
      const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      into[first + i] = logProbability(row, ids[first + i + 1] as number);
    }
  };
  return { scores, rows };
}

/**
 * Arrays of these lengths.
 * @throws RetemperError OUT_OF_MEMORY
 */
function roomFor(lengths: readonly number[]): Float32Array<ArrayBuffer>[] {
  const bytes = 4 * lengths.reduce((sum, length) => sum + length, 0);
  if (bytes < availableMemory()) return lengths.map((length) => new Float32Array(length));
  throw new RetemperError("OUT_OF_MEMORY", `the results take ${(bytes / 1e9).toFixed(2)} GB, more than is free`, {
    hint: "give fewer inputs at once, or ask for logprobs, which are one number a token",
  });
}
