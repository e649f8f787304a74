// --data: which data belong to which task of a suite.

import { RetemperError } from "../index.js";

/** NAME=REF; a reference without a name belongs to the one task of the suite. */
export function dataOf(words: readonly string[], suite: readonly string[]): Record<string, string> {
  const data: Record<string, string> = {};
  for (const word of words) {
    const [, name = suite[0] as string, reference = ""] = /^(?:([\w.-]+)=)?(.+)$/s.exec(word) ?? [];
    if (suite.length !== 1 && !/^[\w.-]+=/.test(word)) {
      throw new RetemperError("USAGE", `--data ${word} does not say which task it is for.`, {
        hint: `write --data NAME=${word}`,
      });
    }
    data[name] = reference;
  }
  return data;
}
