import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { followed } from "../../../../lib/evaluate/ifeval/followed.js";
import { INSTRUCTIONS, makeCheck } from "../../../../lib/evaluate/ifeval/instructions.js";

interface Case {
  readonly kind: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly strict: boolean;
  readonly loose: boolean;
}

// Made by test/golden/ifeval/make.py with lm-evaluation-harness 0.4.13.
const cases = JSON.parse(readFileSync(new URL("../../../golden/ifeval/cases.json", import.meta.url), "utf8")) as Case[];
/** Of these the reference asks a language model or a trained table: langdetect, and NLTK's Punkt and word tokenizer. */
const MODELLED = new Set([
  "language:response_language",
  "change_case:english_capital",
  "change_case:english_lowercase",
  "length_constraints:number_sentences",
]);

describe("the instructions of IFEval", () => {
  it.each(INSTRUCTIONS)("%s is decided on 40 answers as lm-evaluation-harness decides it", (kind) => {
    const own = cases.filter((one) => one.kind === kind);
    expect(own).toHaveLength(40);
    const wrong = own.filter(({ args, text, strict, loose }) => {
      const ours = followed([makeCheck(kind, args)], text);
      return ours.strict[0] !== strict || ours.loose[0] !== loose;
    });
    expect(wrong.length, JSON.stringify(wrong.slice(0, 3), null, 1)).toBeLessThanOrEqual(MODELLED.has(kind) ? 2 : 0);
  });

  it("are 25, and each of them is followed by some of the answers and by others not", () => {
    expect(INSTRUCTIONS).toHaveLength(25);
    for (const kind of INSTRUCTIONS) {
      const own = new Set(cases.filter((one) => one.kind === kind).map(({ strict }) => strict));
      expect(own, kind).toEqual(new Set([true, false]));
    }
  });
});
