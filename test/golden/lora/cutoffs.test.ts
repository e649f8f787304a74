// Long rows with `paperExact`, beside the numbers of LLaMA-Factory's own function (makeCutoffs.py).

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cutInProportion, shareCutoff } from "../../../lib/tune/data/cutRows.js";
import { encodeSamples } from "../../../lib/tune/data/encodeSamples.js";
import { readSamples } from "../../../lib/tune/data/readRows.js";

const golden = JSON.parse(readFileSync(new URL("cutoffs.json", import.meta.url), "utf8")) as {
  readonly pairs: readonly (readonly [number, number, number, number, number])[];
  readonly small: string;
  readonly conversation: {
    readonly turns: readonly (readonly [number, number])[];
    readonly kept: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  };
};

/** A list of lengths in turn: prompt, answer, prompt, … with ids that say where they were. */
function rowOf(turns: readonly (readonly [number, number])[]) {
  const learned = turns.flatMap(([prompt, answer]) => [
    ...Array.from({ length: prompt }, () => false),
    ...Array.from({ length: answer }, () => true),
  ]);
  return { ids: learned.map((_, at) => at), learned };
}

describe("rows beyond the cutoff, as LLaMA-Factory cuts them", () => {
  it.each(golden.pairs)("of a prompt of %i tokens and an answer of %i within %i", (prompt, answer, cutoff, ...kept) => {
    const share = shareCutoff(prompt, answer, cutoff);
    expect([share.prompt, share.answer]).toEqual(kept);
    const { ids } = cutInProportion(rowOf([[prompt, answer]]), cutoff);
    const [first, last] = kept;
    expect(ids).toEqual([...Array(first).keys(), ...[...Array(last).keys()].map((at) => prompt + at)]);
  });

  it("of every length up to 60 within every cutoff up to 40", () => {
    const all: number[][] = [];
    for (let cutoff = 1; cutoff <= 40; cutoff++) {
      for (let prompt = 0; prompt <= 60; prompt++) {
        for (let answer = 1; answer <= 60; answer++) {
          const share = shareCutoff(prompt, answer, cutoff);
          all.push([share.prompt, share.answer]);
        }
      }
    }
    expect(createHash("sha256").update(JSON.stringify(all)).digest("hex")).toBe(golden.small);
  });

  it.each(Object.entries(golden.conversation.kept))("of several turns within %s", (cutoff, kept) => {
    const { learned } = cutInProportion(rowOf(golden.conversation.turns), Number(cutoff));
    const wanted = kept.flatMap(([prompt, answer]) => [...Array(prompt).fill(false), ...Array(answer).fill(true)]);
    expect(learned).toEqual(wanted);
  });

  it("keep an answer that would be lost where the row's end is cut off", async () => {
    const samples = await readSamples([{ inputIds: [...Array(50).keys()], promptLength: 40 }], undefined);
    const encoding = { tokenizer: undefined, stopTokens: [], vocabulary: 64, cutoff: 30 };
    expect(() => encodeSamples(samples, encoding)).toThrow(/No row has an answer within 30 tokens/);
    const { examples, cut } = encodeSamples(samples, { ...encoding, cut: cutInProportion });
    expect(cut).toBe(1);
    // the prompt's first 20 tokens and all of the answer
    expect(examples[0]?.ids).toEqual([...Array(20).keys(), ...[...Array(10).keys()].map((at) => 40 + at)]);
  });
});
