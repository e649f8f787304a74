// Models that are GGUF files: the answers of transformers for the model that the file was made of, and with quantised
// weights those of the same weights written as safetensors.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { merge } from "../../../lib/merge/merge.js";
import { spreadApart } from "../../differential/gguf/llamaPeer.js";
import { casesOf } from "../../long.js";
import { safetensors } from "../../unit/checkpoint/fixtures.js";
import { converted, f32Tensor, llama3Tensor, metadataOf, valuesOf } from "../../unit/checkpoint/gguf/asGguf.js";
import { type BuiltTensor, ggufBytes } from "../../unit/checkpoint/gguf/ggufBytes.js";
import { vocabularyOf } from "../../unit/checkpoint/gguf/vocabularyOf.js";
import { expectedOf, type GoldenModel, modelFolder, promptsOf } from "./modelFolders.js";

/** Those whose tiny models differ from the published ones in nothing that a GGUF file does not say. */
const FAMILIES = ["llama", "gpt2", "llama3", "qwen2", "qwen3", "gemma", "phi3"] as const;
const PRE: Partial<Record<GoldenModel, string>> = { llama3: "llama-bpe", qwen2: "qwen2", qwen3: "qwen2", gpt2: "gpt-2" };

const folder = mkdtempSync(join(tmpdir(), "retemper-gguf-answers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The model as a GGUF file, its matrices as `stored` makes them. */
async function fileOf(model: GoldenModel, name: string, stored: (tensor: BuiltTensor) => BuiltTensor = (one) => one) {
  const source = modelFolder(model);
  const checkpoint = await openCheckpoint(source, { addon: loadAddon() });
  const tensors = converted(model, valuesOf(checkpoint), checkpoint.config);
  if (model === "llama3") tensors.push(llama3Tensor(checkpoint.config));
  const metadata = [...metadataOf(model, checkpoint.config), ...vocabularyOf(source, PRE[model] ?? "")];
  const path = join(folder, `${name}.gguf`);
  writeFileSync(path, ggufBytes({ metadata, tensors: tensors.map((tensor) => stored(f32Tensor(tensor))) }));
  return path;
}

async function answers(source: string, prompts: readonly number[][]): Promise<number[][]> {
  const model = await openModel(source);
  try {
    const found: { readonly index: number; readonly ids: readonly number[] }[] = [];
    for await (const answer of model.generate(prompts, { maxNewTokens: 32, ignoreEos: true })) found.push(answer);
    return found.sort((a, b) => a.index - b.index).map(({ ids }) => [...ids]);
  } finally {
    await model.close();
  }
}

/** Blocks of 32: the largest magnitude over 127 in float16 (here a power of two, which it holds), and rounded bytes. */
function q8(tensor: BuiltTensor): BuiltTensor {
  if (tensor.dims.length < 2) return tensor;
  const values = new Float32Array(tensor.bytes.buffer);
  const bytes = Buffer.alloc((values.length / 32) * 34);
  for (let block = 0; block < values.length / 32; block++) {
    const own = values.subarray(block * 32, block * 32 + 32);
    const exponent = Math.max(-14, Math.ceil(Math.log2(Math.max(...own.map(Math.abs), 1e-6) / 127)));
    bytes.writeUInt16LE((exponent + 15) << 10, block * 34);
    own.forEach((value, i) => bytes.writeInt8(Math.round(value / 2 ** exponent), block * 34 + 2 + i));
  }
  return { ...tensor, type: 8, bytes };
}

describe.each(casesOf<GoldenModel>(FAMILIES, ["llama"]))("a GGUF file of %s", (name) => {
  it("answers as transformers does with the model that it was made of", async () => {
    const path = await fileOf(name, name);
    expect(await answers(path, promptsOf(name))).toEqual(expectedOf(name).greedy);
  });
});

/** Those whose rows are of whole blocks. */
const IN_BLOCKS = FAMILIES.filter((name) => name !== "llama3");
describe.each(casesOf<GoldenModel>(IN_BLOCKS, ["llama", "gpt2"]))("blocks of a GGUF file of %s as they are stored", (name) => {
  it("give nearly the logits of the decoded weights, all of them", async () => {
    const path = await fileOf(name, `${name}-blocks`, q8);
    const inputs = promptsOf(name);
    const [decoded, stored] = [await openModel(path), await openModel(path, { weights: "asStored" })];
    try {
      const matrices = stored.describe().tensors.filter(({ shape }) => shape.length === 2);
      expect(new Set(matrices.map(({ how }) => how))).toEqual(new Set(["blocks"]));
      const [theirs, ours] = [await decoded.logits(inputs), await stored.logits(inputs)];
      for (const [at, logits] of ours.entries()) {
        const apart = spreadApart(theirs[at] as Float32Array, logits);
        expect(apart).toBeGreaterThan(0);
        expect(apart).toBeLessThan(0.05); // rows in another order: half and more
      }
    } finally {
      await decoded.close();
      await stored.close();
    }
  });
});

describe("a GGUF file of quantised weights", () => {
  it("answers as the same weights written as safetensors, alone and with an adapter", async () => {
    const path = await fileOf("llama", "q8", q8);
    const adapter = join(folder, "adapter");
    mkdirSync(adapter);
    const about = { peft_type: "LORA", r: 2, lora_alpha: 16, target_modules: ["q_proj"], base_model_name_or_path: "x" };
    writeFileSync(join(adapter, "adapter_config.json"), JSON.stringify(about));
    const wave = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 0.7) / 4);
    const prefix = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
    writeFileSync(
      join(adapter, "adapter_model.safetensors"),
      safetensors({
        [`${prefix}A.weight`]: { shape: [2, 64], values: wave(128) },
        [`${prefix}B.weight`]: { shape: [64, 2], values: wave(128) },
      }),
    );
    const written = async (model: string, out: string) => {
      const report = await merge({ merge_method: "passthrough", models: [{ model }] }, join(folder, out));
      expect(report.warnings.join()).toContain("quantised before they came here");
      return join(folder, out);
    };
    const prompts = promptsOf("llama");
    const alone = await answers(path, prompts);
    expect(await answers(await written(path, "alone"), prompts)).toEqual(alone);
    const adapted = await answers(`${path}+${adapter}`, prompts);
    expect(adapted).not.toEqual(alone);
    expect(await answers(await written(`${path}+${adapter}`, "adapted"), prompts)).toEqual(adapted);
  });
});
