// What is left of a row that is longer than the cutoff.

import type { Example } from "./example.js";

/** Its beginning. */
export function cutEnd({ ids, learned }: Example, cutoff: number): Example {
  return { ids: ids.slice(0, cutoff), learned: learned.slice(0, cutoff) };
}

/**
 * Tokens that a prompt and its answer keep within a cutoff, as LLaMA-Factory 0.9.1 shares it (`infer_seqlen`): an answer of less than
 * half of the cutoff stays whole and the prompt gets what is left; else a prompt of less than half stays whole; else the answer
 * gets its share of both, rounded down, and the prompt the rest.
 * @param prompt tokens
 * @param answer tokens
 * @param cutoff at least 1
 */
export function shareCutoff(prompt: number, answer: number, cutoff: number): { prompt: number; answer: number } {
  const room =
    2 * answer < cutoff
      ? cutoff
      : 2 * prompt < cutoff
        ? cutoff - prompt
        : Math.floor(cutoff * (answer / (prompt + answer))); // in this order: the last bit decides what is rounded down
  const ofAnswer = Math.min(room, answer);
  return { prompt: Math.min(cutoff - ofAnswer, prompt), answer: ofAnswer };
}

/** Each prompt with its answer, one after the other, shares what those before have left; what comes when nothing is left is dropped. */
export function cutInProportion({ ids, learned }: Example, cutoff: number): Example {
  const kept: { ids: number[]; learned: boolean[] } = { ids: [], learned: [] };
  const keep = (from: number, count: number) => {
    for (let at = from; at < from + count; at++) {
      kept.ids.push(ids[at] as number);
      kept.learned.push(learned[at] as boolean);
    }
  };
  const runEnd = (from: number, isLearned: boolean) => {
    let end = from;
    while (end < ids.length && learned[end] === isLearned) end += 1;
    return end;
  };
  for (let start = 0; start < ids.length && kept.ids.length < cutoff; ) {
    const middle = runEnd(start, false);
    const end = runEnd(middle, true);
    const share = shareCutoff(middle - start, end - middle, cutoff - kept.ids.length);
    keep(start, share.prompt);
    keep(middle, share.answer);
    start = end;
  }
  return kept;
}
