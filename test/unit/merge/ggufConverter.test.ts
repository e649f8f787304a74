// What conversions to GGUF say of a model, beside what llama.cpp's own converter wrote of the same folders
// (test/golden/gguf/converter.py): every key, its type and its value, every tensor, and the factors of rotary positions.

import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { convert } from "../../../lib/merge/convert.js";
import { type GoldenModel, modelFolder } from "../../golden/generate/modelFolders.js";
import { casesOf } from "../../long.js";
import { readGguf } from "./readGguf.js";

type Settings = Readonly<Record<string, unknown>>;
interface Golden {
  readonly model: GoldenModel;
  readonly config: Settings;
  readonly generation: Settings;
  readonly settings: Settings;
  /** Type and value; of lists their length and the sha256 of their elements. */
  readonly metadata: Readonly<Record<string, readonly [string, ...unknown[]]>>;
  /** Shape, type and the beginning of the sha256 of the values. */
  readonly tensors: Readonly<Record<string, readonly [number[], string, string]>>;
  readonly vectors: Readonly<Record<string, readonly number[]>>;
}

const golden = join(import.meta.dirname, "../../golden");
const cases = Object.entries(
  JSON.parse(readFileSync(join(golden, "gguf/converter.json"), "utf8")) as Record<string, Golden>,
);
const folder = mkdtempSync(join(tmpdir(), "retemper-gguf-converter-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Made of the folder's name there. */
const NAMED = /^general\.(name|basename|finetune|size_label|version|organization)$/;

/** Entries that the converter does not write, without which llama.cpp answers as another model; and one that it makes up. */
const BESIDE: Readonly<Record<string, Readonly<Record<string, readonly unknown[] | undefined>>>> = {
  // It says the kind, and leaves out the factors.
  "llama, longrope": {
    "llama.rope.scaling.attn_factor": ["FLOAT32", Math.fround(Math.sqrt(1 + Math.log(4) / Math.log(32)))],
    "llama.rope.scaling.original_context_length": ["UINT32", 32],
  },
  // llama.cpp does not go by yarn_attn_factor.
  "qwen3, yarn with its numbers": {
    "qwen3.rope.scaling.attn_factor": ["FLOAT32", Math.fround(1.25 / (1 + 0.1 * Math.log(4)))],
  },
  // The number of CodeGemma's, which is another token here.
  gemma: { "tokenizer.ggml.eot_token_id": undefined },
};

const some = casesOf<string>(
  cases.map(([name]) => name),
  ["llama3", "gpt2", "gemma3_text, rope_parameters", "qwen3, yarn with its numbers", "phi3, longrope"],
);

describe.each(cases.filter(([name]) => some.includes(name)))(
  "%s as GGUF",
  (name, { model, config, generation, settings, metadata, tensors, vectors }) => {
    it("has the metadata and the tensors that llama.cpp's converter writes", async () => {
      const source = modelFolder(model, {
        config,
        files: {
          ...(Object.keys(generation).length > 0 && { "generation_config.json": JSON.stringify(generation) }),
          ...(Object.keys(settings).length > 0 && { "tokenizer_config.json": changedSettings(model, settings) }),
        },
      });
      const out = join(folder, name.replaceAll(" ", "-"));
      await convert(source, out, { format: "gguf", quantise: "f32" });
      const file = readGguf(join(out, "model-F32.gguf"));
      const told = [...file.metadata].map(([key, value]) => {
        const kind = file.kinds.get(key);
        return [key, [kind, ...toldOf(value, kind)]] as const;
      });
      const same = ([key]: readonly [string, unknown]) => !NAMED.test(key);
      const wanted = Object.entries(metadata).map(([key, [kind, ...value]]) => {
        return [key, [kind, ...(value[0] === "?" ? toldOf(file.metadata.get(key)) : value)]] as const;
      });
      expect(sorted(told.filter(same))).toEqual(
        JSON.parse(JSON.stringify({ ...sorted(wanted.filter(same)), ...BESIDE[name] })),
      );
      const stored = [...file.tensors].map(([key, { shape }]) => {
        const digest = createHash("sha256")
          .update(new Uint8Array(file.floats(key).buffer))
          .digest("hex")
          .slice(0, 16);
        return [key, [[...shape].reverse(), "F32", digest]] as const;
      });
      const isFactor = ([key]: readonly [string, unknown]) => key.startsWith("rope_");
      const others = stored.filter((one) => !isFactor(one));
      expect(sorted(others)).toEqual(sorted(Object.entries(tensors).filter((one) => !isFactor(one))));
      expect(stored.filter(isFactor).length).toBe(name === "llama, longrope" ? 2 : Object.keys(vectors).length);
      for (const [key, values] of Object.entries(vectors)) {
        file.floats(key).forEach((value, at) => {
          expect(Math.abs(value / (values[at] as number) - 1), key).toBeLessThan(3e-7);
        });
      }
    });
  },
);

const numbers = { factor: 4, original_max_position_embeddings: 32 };
const YARN = { rope_type: "yarn", ...numbers };

describe("rotary positions of a model", () => {
  const own = { attention_factor: 1.25, beta_fast: 24, beta_slow: 2 };
  const factors = {
    long_factor: [1.5, 2, 3, 4, 5, 6, 7, 8],
    short_factor: [1, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07],
  };
  it.each<[string, GoldenModel, Settings]>([
    ["yarn", "qwen2", { rope_scaling: { rope_type: "yarn", ...numbers } }],
    ["yarn with its numbers", "llama", { rope_scaling: { rope_type: "yarn", ...numbers, ...own } }],
    [
      "long rope",
      "phi3",
      { original_max_position_embeddings: 32, rope_scaling: { rope_type: "longrope", ...factors } },
    ],
    [
      "long rope with its number",
      "llama",
      {
        rope_scaling: {
          ...{ rope_type: "longrope", ...factors, attention_factor: 1.5, original_max_position_embeddings: 32 },
        },
      },
    ],
    ["a base of windowed layers", "gemma3_text", { rope_local_base_freq: 20000 }],
  ])("come back from the file as they were: %s", async (kind, model, config) => {
    const out = join(folder, `back-${kind}`.replaceAll(" ", "-"));
    await convert(modelFolder(model, { config }), out, { format: "gguf", quantise: "f32" });
    const read = await openCheckpoint(out, { addon: loadAddon(), decodes: true });
    expect(read.config).toMatchObject(config);
  });

  it.each([
    ["llama3", { rope_type: "llama3", low_freq_factor: 1, high_freq_factor: 4, ...numbers }],
    ["longrope", { rope_type: "longrope", ...factors, ...numbers }],
  ])("that llama.cpp does not have for a family are refused: %s of qwen2", async (kind, scaling) => {
    const source = modelFolder("qwen2", { config: { rope_scaling: scaling } });
    await expect(convert(source, join(folder, `no-${kind}`), { format: "gguf" })).rejects.toMatchObject({
      code: "INCOMPATIBLE",
      message: `llama.cpp does not scale rotary positions of qwen2 by ${kind}`,
    });
  });
});

it.each<[string, GoldenModel, Settings]>([
  [
    "blends yarn's frequencies between 16 and 2 turns",
    "qwen3",
    { rope_scaling: { ...YARN, beta_fast: 16, beta_slow: 2 } },
  ],
  ["attends to the last 47 tokens", "phi3", { sliding_window: 47 }],
])("a model that %s is written with a warning: llama.cpp does not", async (what, model, config) => {
  const out = join(folder, `warned-${model}`);
  const { warnings } = await convert(modelFolder(model, { config }), out, { format: "gguf", quantise: "f32" });
  expect(warnings.join("\n")).toContain(`the model ${what}; llama.cpp `);
});

function sorted<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function changedSettings(model: GoldenModel, settings: Settings): string {
  const path = join(modelFolder(model), "tokenizer_config.json");
  return JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...settings });
}

/** As the golden file tells it. */
function toldOf(value: unknown, kind = ""): unknown[] {
  if (!Array.isArray(value)) return [value];
  const hash = createHash("sha256");
  if (kind === "ARRAY STRING") hash.update(value.join("\0"));
  else hash.update(new Uint8Array((kind === "ARRAY INT32" ? Int32Array : Float32Array).from(value).buffer));
  return [value.length, hash.digest("hex")];
}
