// Scaled rotary positions in llama.cpp: the file of a model answers with the logits of the model.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convert } from "../../../lib/merge/convert.js";
import { openOn } from "../../golden/generate/engines.js";
import { type GoldenModel, modelFolder, promptsOf } from "../../golden/generate/modelFolders.js";
import { allLogits, wholePrompts } from "../../golden/generate/steps.js";
import { casesOf } from "../../long.js";
import { whyNoPython } from "../../peers.js";
import { askLlama, type LlamaAnswer, logitsOf, spreadApart, whyNoLlama } from "./llamaPeer.js";

const missing = whyNoPython("numpy") ?? whyNoLlama();
const folder = mkdtempSync(join(tmpdir(), "retemper-llama-ropes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const YARN = { rope_type: "yarn", factor: 8, original_max_position_embeddings: 64 };
const FACTORS = {
  long_factor: [1.5, 2.25, 3, 4, 5.5, 6, 7, 8],
  short_factor: [1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4],
};
// llama.cpp goes by the context that it was opened with, 256 in llama.py; transformers by the length of the text.
const LONG = { max_position_embeddings: 250, original_max_position_embeddings: 4 };
const SHORT = { max_position_embeddings: 1024, original_max_position_embeddings: 512 };

const CASES: readonly (readonly [string, GoldenModel, Readonly<Record<string, unknown>>])[] = [
  ["linear", "llama", { rope_scaling: { rope_type: "linear", factor: 2.5 } }],
  ["yarn", "qwen2", { max_position_embeddings: 512, rope_scaling: YARN }],
  ["yarn of a llama", "llama", { max_position_embeddings: 512, rope_scaling: YARN }],
  [
    "yarn with its own scale of attention",
    "qwen3",
    {
      max_position_embeddings: 512,
      rope_scaling: { ...YARN, attention_factor: 1.9 },
    },
  ],
  ["yarn with mscale", "llama", { rope_scaling: { ...YARN, mscale: 2, mscale_all_dim: 0.5 } }],
  ["long rope of long texts", "phi3", { ...LONG, rope_scaling: { rope_type: "longrope", ...FACTORS } }],
  ["long rope of short texts", "phi3", { ...SHORT, rope_scaling: { type: "su", ...FACTORS } }],
  ["long rope of a llama, long texts", "llama", { ...LONG, rope_scaling: { rope_type: "longrope", ...FACTORS } }],
  [
    "long rope of a llama, with its number",
    "llama",
    { ...SHORT, rope_scaling: { rope_type: "longrope", ...FACTORS, attention_factor: 1.7 } },
  ],
  [
    "a base of windowed layers",
    "gemma3_text",
    { sliding_window_pattern: 6, num_hidden_layers: 4, rope_local_base_freq: 500 },
  ],
];
const cases = casesOf(
  CASES,
  CASES.filter(([name]) => name === "yarn with its own scale of attention"),
);

describe.skipIf(missing)(`scaled rotary positions in llama.cpp${missing ? ` (${missing})` : ""}`, () => {
  const folders = new Map<string, string>();
  const answers = new Map<string, LlamaAnswer>();
  const prompts = (model: GoldenModel) => promptsOf(model).filter((prompt) => prompt.length > 4);

  beforeAll(async () => {
    const requests: object[] = [];
    for (const [name, model, config] of cases) {
      const out = join(folder, String(folders.size));
      // Under a name that says nothing: llama.cpp goes by some of them.
      const source = `${out}-source`;
      cpSync(modelFolder(model, { config }), source, { recursive: true });
      folders.set(name, source);
      await convert(source, out, { format: "gguf", quantise: "f32" });
      requests.push({ model: join(out, "model-F32.gguf"), prompts: prompts(model) });
    }
    askLlama(requests).forEach((answer, at) => {
      answers.set(cases[at]?.[0] as string, answer);
    });
  });

  it.each(cases)("%s (%s): logits are those of the model", async (name, model) => {
    const decoder = await openOn("native", folders.get(name) as string);
    const cache = decoder.createCache({ slots: prompts(model).length, tokens: prompts(model).flat().length });
    wholePrompts(prompts(model)).forEach((piece, at) => {
      expect(spreadApart(allLogits(decoder, cache, [piece]), logitsOf(answers.get(name), at))).toBeLessThan(0.005);
    });
    cache.dispose();
    decoder.dispose();
  });
});
