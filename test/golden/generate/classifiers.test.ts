// Sequence classifiers against transformers on tiny models: logits of texts and of pairs within 1e-3.

import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openClassifier } from "../../../lib/nn/encoders/openClassifier.js";
import { ENGINES } from "./engines.js";

const GOLDEN = join(import.meta.dirname, "..");
const root = mkdtempSync(join(tmpdir(), "retemper-classifiers-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Row {
  readonly first: string;
  readonly second: string;
  readonly logits: number[];
  readonly pair_logits?: number[];
}

/** The classifier with its encoder's tokenizer, cut at the length of the reference. */
function folderOf(name: string): { folder: string; rows: Row[] } {
  const folder = join(root, name);
  cpSync(join(GOLDEN, "classifiers", name), folder, { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    copyFileSync(join(GOLDEN, "encoders", name, file), join(folder, file));
  }
  const { rows, max_length } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
  return { folder, rows: rows.filter(({ second }: Row) => second.split(" ").length < max_length) };
}

for (const [engine, missing] of ENGINES) {
  describe.skipIf(missing)(`classifiers on ${engine}${missing ? `: ${missing}` : ""}`, () => {
    it.each(["bert", "roberta", "deberta"])("%s gives transformers' logits", async (name) => {
      const { folder, rows } = folderOf(name);
      expect(rows).toHaveLength(3);
      const classifier = await openClassifier(folder, { engine });
      try {
        expect(classifier.labels).toEqual(["safe", "unsafe", "refusal"]);
        const single = await classifier.classify(rows.map(({ second }): [string] => [second]));
        for (const [at, { logits }] of rows.entries()) close(single[at], logits);
        if (name === "bert") {
          await expect(classifier.classify([["a", "b"]])).rejects.toMatchObject({ code: "USAGE" });
          return;
        }
        const pairs = await classifier.classify(rows.map(({ first, second }): [string, string] => [first, second]));
        for (const [at, { pair_logits = [] }] of rows.entries()) close(pairs[at], pair_logits);
      } finally {
        await classifier.close();
      }
    });
  });
}

function close(ours: Float32Array | undefined, theirs: readonly number[]): void {
  expect(ours).toHaveLength(theirs.length);
  for (const [at, value] of theirs.entries()) expect(Math.abs((ours?.[at] ?? Number.NaN) - value)).toBeLessThan(1e-3);
}

describe("openClassifier", () => {
  it("refuses an encoder without a head, and a head of another size", async () => {
    await expect(openClassifier(join(GOLDEN, "encoders/bert"), { engine: "reference" })).rejects.toMatchObject({
      code: "BAD_INPUT",
    });
    const { folder } = folderOf("roberta");
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, id2label: { 0: "a", 1: "b" } }));
    await expect(openClassifier(folder, { engine: "reference" })).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("classifier.out_proj.weight is F16 [3, 32]"),
    });
  });

  it("cuts the longer of two texts", async () => {
    const { folder } = folderOf("deberta");
    const classifier = await openClassifier(folder, { engine: "reference" });
    const long = "word ".repeat(500);
    const [logits] = await classifier.classify([["a cat", long]]);
    expect(logits?.every(Number.isFinite)).toBe(true);
    await classifier.close();
  });
});
