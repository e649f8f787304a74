// GGUF files that conversions write, in llama.cpp itself: logits beside those of the model that was written, greedy tokens,
// the tokens of the golden texts, and its own quantiser's file beside ours, byte by byte.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convert } from "../../../lib/merge/convert.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation } from "../../../lib/plan/gguf/quantise.js";
import { openOn } from "../../golden/generate/engines.js";
import {
  type FolderChanges,
  type GoldenModel,
  MODEL_NAMES,
  MODELS,
  modelFolder,
  promptsOf,
} from "../../golden/generate/modelFolders.js";
import { allLogits, greedy, wholePrompts } from "../../golden/generate/steps.js";
import { casesOf } from "../../long.js";
import { whyNoPython } from "../../peers.js";
import { readGguf } from "../../unit/merge/readGguf.js";
import { askLlama, type LlamaAnswer, logitsOf, spreadApart, whyNoLlama } from "./llamaPeer.js";

const missing = whyNoPython("numpy") ?? whyNoLlama();
const golden = join(import.meta.dirname, "../../golden");
const folder = mkdtempSync(join(tmpdir(), "retemper-llama-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Largest difference of a logit over the spread of all logits, by type. llama.cpp rounds activations to 8 bits too where the
 * weights are blocks: of these models of a width of 64 that is the larger part.
 */
const LIMITS = { f32: 0.005, f16: 0.02, bf16: 0.02, q8_0: 0.06 } as const;
type Compared = keyof typeof LIMITS;

/** Settings of the golden models that llama.cpp has fixed, as it has them; a conversion warns of each. */
const AS_LLAMA: Readonly<Partial<Record<GoldenModel, FolderChanges["config"]>>> = {
  mistral: { sliding_window: null },
  gemma2: { query_pre_attn_scalar: 24 },
  gemma3_text: { sliding_window_pattern: 6 },
};
/** llama.cpp does not compose characters (NFC) before it looks for tokens, as these models' tokenizers do. */
const NOT_COMPOSED: ReadonlySet<GoldenModel> = new Set(["qwen2", "qwen3"]);
const NEW = 32;

async function written(model: string, name: string, quantise: GgufQuantisation): Promise<string> {
  const out = join(folder, `${name}-${quantise}`);
  await convert(model, out, { format: "gguf", quantise });
  return join(out, `model-${quantise.toUpperCase()}.gguf`);
}

describe.skipIf(missing)(`GGUF files in llama.cpp${missing ? ` (${missing})` : ""}`, () => {
  const models = casesOf<GoldenModel>(MODEL_NAMES, ["llama", "gemma2"]);
  const cases = models.flatMap((model) =>
    casesOf<Compared>(["f32", "f16", "bf16", "q8_0"], ["q8_0"]).map((type) => ({ model, type })),
  );
  // Under names that say nothing: llama.cpp goes by some of them.
  const folders = new Map(
    models.map((model, at) => {
      const named = join(folder, `source-${at}`);
      cpSync(modelFolder(model, { config: AS_LLAMA[model] ?? {} }), named, { recursive: true });
      return [model, named] as const;
    }),
  );
  const answers = new Map<string, LlamaAnswer>();

  beforeAll(async () => {
    const list: object[] = [];
    for (const { model, type } of cases) {
      const texts = golden40(model).map(({ text }) => text);
      const path = await written(folders.get(model) as string, `tiny-${models.indexOf(model)}`, type);
      list.push({ model: path, texts, prompts: promptsOf(model), new: NEW });
    }
    for (const [at, answer] of askLlama(list).entries()) answers.set(`${cases[at]?.model}-${cases[at]?.type}`, answer);
  });

  it.each(cases)("$model as $type: logits are near those of the model that was written", async ({ model, type }) => {
    const decoder = await openOn("native", folders.get(model) as string);
    const prompts = promptsOf(model);
    const cache = decoder.createCache({ slots: prompts.length, tokens: prompts.flat().length });
    const theirs = answers.get(`${model}-${type}`);
    wholePrompts(prompts).forEach((piece, at) => {
      const ours = allLogits(decoder, cache, [piece]);
      expect(spreadApart(ours, logitsOf(theirs, at))).toBeLessThan(LIMITS[type]);
    });
    cache.dispose();
    // Near ties fall either way; 16 and 8 bits may part where 32 do not.
    if (type === "f32" || type === "f16") {
      const ours = greedy(decoder, prompts, NEW);
      const same = ours.filter((ids, at) => ids.every((id, step) => id === theirs?.prompts?.[at]?.greedy[step]));
      expect(same.length).toBeGreaterThanOrEqual(prompts.length - 1);
    }
    decoder.dispose();
  });

  it.each(models)("%s: the golden texts have the same tokens", (model) => {
    const { type } = cases.find((one) => one.model === model) as (typeof cases)[number];
    const theirs = answers.get(`${model}-${type}`)?.texts;
    golden40(model).forEach(({ text, ids }, at) => {
      if (NOT_COMPOSED.has(model) && text.normalize("NFC") !== text) return;
      expect(theirs?.[at], text).toEqual(ids);
    });
  });

  it("has the types and the bytes that llama.cpp's quantiser makes of the same file in float32", async () => {
    // Rows of 256: the K formats; and the demo's of 128, for which others stand in.
    const wide = modelFolder("llama", { without: ["model.safetensors"] });
    writeWideModel(wide);
    const quantisations = (Object.keys(GGUF_QUANTISATIONS) as GgufQuantisation[]).filter((one) => one.startsWith("q"));
    for (const [name, model] of [
      ["wide", wide],
      ["demo", join(golden, "../../demo/model")],
    ] as const) {
      const whole = await written(model, name, "f32");
      const list = casesOf<GgufQuantisation>(quantisations, ["q4_k_m"]).map((quantise) => {
        return {
          quantise: whole,
          to: join(folder, `${name}-theirs-${quantise}`),
          type: GGUF_QUANTISATIONS[quantise].fileType,
        };
      });
      expect(askLlama(list).every(({ status }) => status === 0)).toBe(true);
      for (const { to } of list) {
        const quantise = to.split("-").at(-1) as GgufQuantisation;
        const ours = readGguf(await written(model, name, quantise));
        const theirs = readGguf(to);
        expect([...ours.metadata.keys()].sort()).toEqual([...theirs.metadata.keys()].sort());
        for (const [tensor, { type, offset, bytes }] of theirs.tensors) {
          const own = ours.tensors.get(tensor);
          expect(own?.type, `${quantise} ${tensor}`).toBe(type);
          const mine = ours.bytes.subarray(own?.offset, (own?.offset ?? 0) + bytes);
          expect(mine.equals(theirs.bytes.subarray(offset, offset + bytes)), `${quantise} ${tensor}`).toBe(true);
        }
      }
    }
  });
});

function golden40(model: GoldenModel): { readonly text: string; readonly ids: number[] }[] {
  return JSON.parse(readFileSync(join(golden, "tokenizers", MODELS[model], "expected.json"), "utf8"));
}

/** A llama of random weights with a width of 256, in float32. */
function writeWideModel(to: string): void {
  const path = join(to, "config.json");
  const config = {
    ...JSON.parse(readFileSync(path, "utf8")),
    ...{ hidden_size: 256, intermediate_size: 512, num_hidden_layers: 8, tie_word_embeddings: false, head_dim: 64 },
  };
  writeFileSync(path, JSON.stringify(config));
  const rows: [string, number[]][] = [["model.embed_tokens.weight", [config.vocab_size, 256]]];
  for (let layer = 0; layer < 8; layer++) {
    const at = `model.layers.${layer}.`;
    rows.push(
      [`${at}input_layernorm.weight`, [256]],
      [`${at}post_attention_layernorm.weight`, [256]],
      [`${at}self_attn.q_proj.weight`, [256, 256]],
      [`${at}self_attn.k_proj.weight`, [128, 256]],
      [`${at}self_attn.v_proj.weight`, [128, 256]],
      [`${at}self_attn.o_proj.weight`, [256, 256]],
      [`${at}mlp.gate_proj.weight`, [512, 256]],
      [`${at}mlp.up_proj.weight`, [512, 256]],
      [`${at}mlp.down_proj.weight`, [256, 512]],
    );
  }
  rows.push(["model.norm.weight", [256]], ["lm_head.weight", [config.vocab_size, 256]]);
  let offset = 0;
  let state = 12345;
  const header: Record<string, unknown> = {};
  const parts = rows.map(([name, shape]) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + 4 * count] };
    offset += 4 * count;
    return Float32Array.from({ length: count }, () => {
      let sum = 0;
      for (let i = 0; i < 3; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        sum += state / 2 ** 32 - 0.5;
      }
      return sum * 0.08;
    });
  });
  const text = JSON.stringify(header);
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(
    join(to, "model.safetensors"),
    Buffer.concat([length, Buffer.from(padded), ...parts.map((part) => Buffer.from(part.buffer))]),
  );
}
