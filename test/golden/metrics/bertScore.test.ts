// BERTScore against bert-score 0.3.13 on tiny encoders: precision, recall and F1 within 5e-6, plain and with idf.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bertScore } from "../../../lib/evaluate/encoders/bertScore.js";
import { bertScoreWith } from "../../../lib/evaluate/metrics/bertScore.js";
import { evaluate } from "../../../lib/evaluate/run/evaluate.js";
import { openBertScore } from "../../../lib/evaluate/encoders/openBertScore.js";
import { CannedModel } from "../../unit/evaluate/cannedModel.js";
import { openEncoder } from "../../../lib/nn/encoders/openEncoder.js";
import { long } from "../../long.js";
import { casesOn, ENGINES } from "../generate/engines.js";

const FOLDER = join(import.meta.dirname, "..", "encoders");
const TOLERANCE = 5e-6;

interface Expected {
  readonly num_layers: number;
  readonly max_length: number;
  readonly pairs: readonly (readonly [candidate: string, reference: string])[];
  readonly plain: Record<"P" | "R" | "F1", number[]>;
  readonly idf: Record<"P" | "R" | "F1", number[]>;
}

for (const [engine, missing] of ENGINES) {
  describe.skipIf(missing)(`BERTScore on ${engine}${missing ? `: ${missing}` : ""}`, () => {
    describe.each(casesOn(engine, ["bert", "roberta", "deberta"], ["deberta"]))("with %s", (name) => {
      const model = join(FOLDER, name);
      const expected = JSON.parse(readFileSync(join(model, "expected.json"), "utf8")) as Expected;
      const candidates = expected.pairs.map(([candidate]) => candidate);
      const references = expected.pairs.map(([, reference]) => reference);
      const { num_layers: layer, max_length: maxLength } = expected;

      it.each(casesOn<readonly ["plain" | "idf", boolean]>(engine, [["plain", false], ["idf", true]], [["idf", true]]))("equals bert-score: %s", async (kind, idf) => {
        const scores = await bertScore(candidates, references, { model, engine, layer, idf, maxLength });
        const want = { precision: expected[kind].P, recall: expected[kind].R, f1: expected[kind].F1 };
        for (const name of ["precision", "recall", "f1"] as const) {
          for (const [at, value] of want[name].entries()) {
            expect(Math.abs((scores[name][at] as number) - value), `${name} of pair ${at}`).toBeLessThan(TOLERANCE);
          }
        }
      });

      it.runIf(long || (engine === "native" && name === "bert"))("is the same in any batch", async () => {
        const encoder = await openEncoder(model, { engine });
        try {
          const [small, large] = [
            await bertScoreWith(encoder, candidates, references, { layer, maxLength, batch: 2 }),
            await bertScoreWith(encoder, candidates, references, { layer, maxLength, batch: 64 }),
          ];
          for (const [at, value] of small.f1.entries()) {
            expect(Math.abs((large.f1[at] as number) - value)).toBeLessThan(TOLERANCE);
          }
        } finally {
          await encoder.close();
        }
      });
    });
  });
}

describe("BERTScore", () => {
  const model = join(FOLDER, "bert");

  it("scores a medical task: the mean F1 of its pairs", async () => {
    const expected = JSON.parse(readFileSync(join(model, "expected.json"), "utf8")) as Expected;
    const rows = expected.pairs
      .map(([candidate, output], at) => ({ input: `question ${at}`, output, candidate, f1: expected.plain.F1[at] }))
      .filter(({ output, candidate }) => output.trim() !== "" && candidate.split(" ").length < 20);
    const folder = mkdtempSync(join(tmpdir(), "retemper-bertscore-"));
    const file = join(folder, "medical.json");
    writeFileSync(file, JSON.stringify(rows.map(({ input, output }) => ({ input, output }))));
    const bertScore = await openBertScore(model, { engine: "reference", layer: expected.num_layers });
    try {
      const doctor = new CannedModel((prompt) => rows.find(({ input }) => input === prompt)?.candidate ?? "");
      const { tasks } = await evaluate(doctor, `medical:${file}`, { bertScore });
      const mean = rows.reduce((sum, { f1 = 0 }) => sum + f1, 0) / rows.length;
      expect(tasks[0]?.metrics.bertscore_f1?.value).toBeCloseTo(mean, 5);
      expect(tasks[0]?.metrics.bertscore_f1?.interval).toBe("bootstrap");
      expect(doctor.asked[0]).toMatchObject({
        prompt: [{ role: "system", content: expect.stringContaining("If you are a doctor") }, {}],
        options: { repetitionPenalty: 1.2, maxNewTokens: 512 },
      });
    } finally {
      await bertScore.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("knows the layers of encoders that the literature uses, and asks for others", async () => {
    await expect(openBertScore(model, { engine: "reference" })).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("--bertscore-layer"),
    });
  });

  it("rescales by a baseline", async () => {
    const options = { model, engine: "reference", layer: 2 } as const;
    const plain = await bertScore(["a cat"], ["the cat"], options);
    const baseline = { precision: 0.5, recall: 0.5, f1: 0.5 };
    const scaled = await bertScore(["a cat"], ["the cat"], { ...options, baseline });
    expect(scaled.f1[0]).toBeCloseTo(((plain.f1[0] as number) - 0.5) / 0.5, 6);
  });

  it("refuses lists that are no pairs, and layers that are not there", async () => {
    await expect(bertScore(["a"], [], { model, engine: "reference", layer: 2 })).rejects.toMatchObject({ code: "USAGE" });
    await expect(bertScore(["a"], ["b"], { model, engine: "reference", layer: 99 })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("layer 99"),
    });
  });
});
