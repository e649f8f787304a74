// The results of scoring: memory for all of them, checked before anything is computed, and filled as rows come.

import { RetemperError } from "../../errors.js";
import { availableMemory } from "../../nn/memory/machineMemory.js";
import type { PromptWork, ScoreEvents } from "../loop/job.js";
import { logProbability } from "../loop/logSoftmax.js";
import type { ScoreRequest } from "./messages.js";

export interface Scores {
  /** One array an input. */
  readonly scores: readonly Float32Array<ArrayBuffer>[];
  readonly rows: ScoreEvents["rows"];
}

/** @throws RetemperError OUT_OF_MEMORY */
export function scoresOf(
  prompts: readonly PromptWork[],
  { what, inputs }: Pick<ScoreRequest, "what" | "inputs">,
  vocabulary: number,
): Scores {
  const scores = roomFor(
    prompts.map(({ ids: { length }, scoredFrom = 0 }) =>
      what === "logits" ? length * vocabulary : what === "logprobs" ? length - 1 : 2 * (length - scoredFrom),
    ),
  );
  const rows: Scores["rows"] = (index, first, logits) => {
    const into = scores[index] as Float32Array;
    if (what === "logits") return into.set(logits, first * vocabulary);
    const from = (prompts[index] as PromptWork).scoredFrom ?? 0;
    const count = what === "logprobs" ? into.length : into.length / 2;
    const ids = inputs[index] as readonly number[];
    for (let i = 0; i < logits.length / vocabulary && first - from + i < count; i++) {
      const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
      const id = ids[first + i + 1] as number;
      into[first - from + i] = logProbability(row, id);
      if (what === "continuations") into[count + first - from + i] = Number(isLikeliest(row, id));
    }
  };
  return { scores, rows };
}

/** Of equals the first is the likeliest, as greedy decoding takes it. */
function isLikeliest(row: Float32Array, id: number): boolean {
  const own = row[id] as number;
  for (let i = 0; i < row.length; i++) {
    if ((row[i] as number) > own || (i < id && row[i] === own)) return false;
  }
  return true;
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
