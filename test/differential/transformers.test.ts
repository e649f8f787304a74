// Models of every family with settings drawn at random against transformers: logits of every position, greedy answers,
// decoding step by step; encoders' hidden states. RETEMPER_SEED draws others, RETEMPER_CASES more of them.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encode } from "../../lib/nn/encoders/encode.js";
import { encoderSpec } from "../../lib/nn/encoders/encoderSpec.js";
import { weightsOf } from "../../lib/nn/engines/runningEngine.js";
import { startEngine } from "../../lib/nn/engines/startEngine.js";
import type { AssembledDecoder } from "../../lib/nn/ops/assembleDecoder.js";
import { readCheckpoint } from "../e2e/mergeModels.js";
import { casesOn, ENGINES, open, openOn, type TestedEngine } from "../golden/generate/engines.js";
import { allLogits, distance, greedy, type Piece } from "../golden/generate/steps.js";
import { runPython, whyNoPython } from "../peers.js";

const FAMILIES = [
  ...["llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma", "gemma2", "gemma3_text", "phi3", "gpt2"],
  ...["gemma3", "llava", "mistral3", "qwen2_5_vl"],
];
const seed = process.env.RETEMPER_SEED ?? "1";
const cases = Number(process.env.RETEMPER_CASES ?? 2);
/** Relative to the largest logit: what float32 sums in another order differ by. */
const TOLERANCE = 3e-5;
/** Answers are compared up to the first choice that is closer than this. */
const MARGIN = 2e-3;

const noPython = whyNoPython("torch", "transformers");

describe.skipIf(noPython)(`random models${noPython ? `: ${noPython}` : ""}`, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "retemper-transformers-"));
    const script = join(import.meta.dirname, "transformers", "makeModels.py");
    runPython(script, [folder, seed, String(cases)]);
    runPython(script.replace("makeModels", "makeEncoders"), [folder, seed, String(2 * cases)]);
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const [engine, missing] of ENGINES) {
    describe.skipIf(missing)(`${engine}${missing ? `: ${missing}` : ""}`, () => {
      it.each(casesOn(engine, FAMILIES, FAMILIES.slice(0, 2)))("agree with transformers: %s", async (family) => {
        const names = readdirSync(folder).filter((name) => name.startsWith(`${family}-`));
        expect(names).toHaveLength(cases);
        for (const name of names) {
          const decoder = await openOn(engine, join(folder, name));
          compare(decoder, join(folder, name));
          decoder.dispose();
        }
      });

      it.each(["bert", "roberta", "deberta"])("agree with transformers: %s", async (family) => {
        const names = readdirSync(folder).filter((name) => name.startsWith(`${family}-`));
        expect(names).toHaveLength(2 * cases);
        for (const name of names) await compareEncoder(engine, join(folder, name));
      });
    });
  }
});

function compare(decoder: AssembledDecoder, folder: string): void {
  const where = `${folder}: ${readFileSync(join(folder, "config.json"), "utf8")}`;
  const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
  const prompts: number[][] = expected.prompts;
  const tensors = readCheckpoint(folder, "expected.safetensors");
  const want = prompts.map((_, i) => tensors.get(`logits_${i}`)?.values as readonly number[]);
  const largest = Math.max(...want.flat().map(Math.abs));
  const cache = decoder.createCache({ slots: prompts.length, tokens: 200 });

  const whole = prompts.map((ids, slot) => ({ slot, ids, start: 0 }));
  expect(distance(allLogits(decoder, cache, whole), want.flat()) / largest, where).toBeLessThan(TOLERANCE);

  for (const { slot } of whole) cache.release(slot);
  const stepwise = prompts.map(() => [] as number[]);
  for (const [begin, end] of [
    [0, 5],
    [5, 6],
    [6, 7],
    [7, 19],
    [19, 40],
  ] as const) {
    const pieces: Piece[] = whole
      .map(({ slot, ids }) => ({ slot, ids: ids.slice(begin, end), start: begin, context: ids.length }))
      .filter(({ ids }) => ids.length > 0);
    const logits = allLogits(decoder, cache, pieces);
    let at = 0;
    for (const { slot, ids } of pieces) {
      const next = at + ids.length * decoder.spec.vocabulary;
      stepwise[slot]?.push(...logits.subarray(at, next));
      at = next;
    }
  }
  expect(distance(stepwise.flat(), want.flat()) / largest, where).toBeLessThan(TOLERANCE);
  cache.dispose();

  const answers = greedy(decoder, prompts, expected.greedy[0].length);
  for (const [i, answer] of answers.entries()) {
    const close = expected.margins[i].findIndex((margin: number) => margin < MARGIN);
    const certain = close < 0 ? answer.length : close;
    expect(answer.slice(0, certain), where).toEqual(expected.greedy[i].slice(0, certain));
  }
}

async function compareEncoder(engine: TestedEngine, folder: string): Promise<void> {
  const checkpoint = await open(folder);
  const spec = encoderSpec(checkpoint);
  const running = await startEngine(engine, checkpoint, weightsOf(spec));
  const where = `${folder}: ${readFileSync(join(folder, "config.json"), "utf8")}`;
  const prompts: number[][] = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")).prompts;
  const tensors = readCheckpoint(folder, "expected.safetensors");
  for (let layer = 0; layer <= spec.layers.length; layer++) {
    const states = await encode(spec, running, prompts, layer, { turn: async () => {} });
    for (const [i, state] of states.entries()) {
      const want = tensors.get(`hidden_${i}_${layer}`)?.values ?? [];
      expect(distance(state, want), `layer ${layer}, prompt ${i}, ${where}`).toBeLessThan(1e-4);
    }
  }
  running.runtime.dispose();
}
