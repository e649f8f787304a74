// ROUGE: shared words and shared order of words, as the Python package rouge-score 0.1.2 counts them (without stemming).

export interface RougeScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * ROUGE-L of one sentence: the longest common subsequence of words (Lin, 2004, section 3.1).
 * @example
 * ```ts
 * import { rougeL } from "retemper";
 *
 * const { precision, recall } = rougeL("the cat sat on the mat", "the cat is on the mat today");
 * console.log(precision.toFixed(2), recall.toFixed(2)); // 0.83 0.71
 * ```
 */
export function rougeL(candidate: string, reference: string): RougeScore {
  const [left, right] = [words(candidate), words(reference)];
  if (left.length === 0 || right.length === 0) return NOTHING;
  return score(longestCommonSubsequence(left, right), left.length, right.length);
}

/**
 * ROUGE-N: shared sequences of n words, each as often as both have it (Lin, 2004, section 2).
 * @example
 * ```ts
 * import { rougeN } from "retemper";
 *
 * const { precision, recall } = rougeN("the cat sat on the mat", "the cat is on the mat today", 2);
 * console.log(precision, recall); // 0.6 0.5
 * ```
 */
export function rougeN(candidate: string, reference: string, n: number): RougeScore {
  const [left, right] = [sequences(words(candidate), n), sequences(words(reference), n)];
  let shared = 0;
  for (const [sequence, count] of right.counts) shared += Math.min(count, left.counts.get(sequence) ?? 0);
  return score(shared, left.size, right.size);
}

const NOTHING: RougeScore = { precision: 0, recall: 0, f1: 0 };

/** Lower case; runs of letters a to z and digits. */
function words(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

function sequences(list: readonly string[], n: number): { counts: Map<string, number>; size: number } {
  const counts = new Map<string, number>();
  const size = Math.max(0, list.length - n + 1);
  for (let at = 0; at < size; at++) {
    const sequence = list.slice(at, at + n).join(" ");
    counts.set(sequence, (counts.get(sequence) ?? 0) + 1);
  }
  return { counts, size };
}

function longestCommonSubsequence(left: readonly string[], right: readonly string[]): number {
  let row = new Uint32Array(right.length + 1);
  let next = new Uint32Array(right.length + 1);
  for (const word of left) {
    for (let at = 0; at < right.length; at++) {
      next[at + 1] = word === right[at] ? (row[at] as number) + 1 : Math.max(row[at + 1] as number, next[at] as number);
    }
    [row, next] = [next, row];
  }
  return row[right.length] as number;
}

function score(shared: number, ofCandidate: number, ofReference: number): RougeScore {
  const precision = shared / Math.max(ofCandidate, 1);
  const recall = shared / Math.max(ofReference, 1);
  return { precision, recall, f1: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}
