// GGUF files as models: of each family, the tensors and the configuration that it was made of come back; single and split
// files; what is refused.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../../lib/addon/load.js";
import { openCheckpoint } from "../../../../lib/checkpoint/open.js";
import type { Checkpoint } from "../../../../lib/checkpoint/types.js";
import { inspect } from "../../../../lib/merge/inspect.js";
import { merge } from "../../../../lib/merge/merge.js";
import { converted, f32File, f32Tensor, llama3Tensor, metadataOf, type Values, valuesOf } from "./asGguf.js";
import { ggufBytes, type Typed } from "./ggufBytes.js";

const MODELS = fileURLToPath(new URL("../../../golden/models", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "retemper-gguf-models-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();
const names = readdirSync(MODELS, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

interface Source {
  readonly checkpoint: Checkpoint;
  readonly values: ReadonlyMap<string, Values>;
  readonly metadata: (readonly [string, Typed])[];
  readonly tensors: [string, Values][];
}
async function sourceOf(model: string): Promise<Source> {
  const checkpoint = await openCheckpoint(join(MODELS, model), { addon });
  const values = valuesOf(checkpoint);
  const tensors = converted(model, values, checkpoint.config);
  if (model === "llama3") tensors.push(llama3Tensor(checkpoint.config));
  return { checkpoint, values, tensors, metadata: metadataOf(model, checkpoint.config) };
}

let files = 0;
function write(bytes: Uint8Array, name = "model.gguf"): string {
  const place = join(folder, String(files++));
  mkdirSync(place);
  writeFileSync(join(place, name), bytes);
  return join(place, name);
}

/** Written by a merge of this model alone. */
async function written(path: string): Promise<Map<string, Values>> {
  const out = join(folder, `out-${files++}`);
  await merge({ merge_method: "passthrough", models: [{ model: path }] }, out, { copyTokenizer: false });
  const {
    tensors,
    files: [file],
  } = await openCheckpoint(out, { addon });
  const content = readFileSync(file?.path ?? "");
  return new Map(
    [...tensors.values()].map(({ name, shape, offset, bytes, dtype }) => {
      expect(dtype).toBe("F32");
      return [
        name,
        { shape, values: new Float32Array(new Uint8Array(content.subarray(offset, offset + bytes)).buffer) },
      ];
    }),
  );
}

describe.each(names)("a GGUF file of %s", (model) => {
  it("has the tensors that it was made of, under their names", async () => {
    const { values, tensors, metadata } = await sourceOf(model);
    const found = await written(write(f32File(metadata, tensors)));
    expect([...found.keys()].sort()).toEqual([...values.keys()].sort());
    for (const [name, { shape, values: wanted }] of values) {
      const own = found.get(name) as Values;
      expect(own.shape, name).toEqual(shape);
      // The sum with 1 was rounded to float32 where it was made.
      const isSum = model.startsWith("gemma") && name.endsWith("norm.weight");
      expect(own.values, name).toEqual(isSum ? wanted.map((value) => Math.fround(Math.fround(value + 1) - 1)) : wanted);
    }
  });

  it("has the configuration that it was made of", async () => {
    const { checkpoint, tensors, metadata } = await sourceOf(model);
    const { config } = await openCheckpoint(write(f32File(metadata, tensors)), { addon, decodes: true });
    const { config: own } = checkpoint;
    const ofMistral = { model_type: "llama", architectures: ["LlamaForCausalLM"] };
    const same = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"];
    const also = ["intermediate_size", "rms_norm_eps", "rope_theta", "tie_word_embeddings", "max_position_embeddings"];
    const special = [
      "n_embd",
      "n_layer",
      "n_head",
      "n_positions",
      "layer_norm_epsilon",
      "head_dim",
      "rope_local_base_freq",
    ];
    const caps = ["attn_logit_softcapping", "final_logit_softcapping", "model_type", "architectures"];
    for (const key of [...same, ...also, ...special, ...caps]) {
      if (own[key] === undefined || own[key] === null) continue;
      expect(config[key], key).toEqual(
        model === "mistral" && key in ofMistral ? ofMistral[key as "model_type"] : own[key],
      );
    }
    expect(config.rope_scaling ?? null).toEqual(own.rope_scaling ?? null);
  });
});

describe("a model of several GGUF files", () => {
  async function split(change: (parts: Map<string, Uint8Array>) => void = () => {}): Promise<string> {
    const { tensors, metadata } = await sourceOf("qwen2");
    const parts = new Map<string, Uint8Array>();
    for (const no of [0, 1, 2]) {
      const own = tensors.filter((_, at) => at % 3 === no);
      const about: (readonly [string, Typed])[] = [
        ...(no === 0 ? metadata : []),
        ["split.no", ["u16", no]],
        ["split.count", ["u16", 3]],
        ["split.tensors.count", ["i32", tensors.length]],
      ];
      parts.set(`tiny-0000${no + 1}-of-00003.gguf`, f32File(about, own));
    }
    change(parts);
    const place = join(folder, `split-${files++}`);
    mkdirSync(place);
    for (const [name, bytes] of parts) writeFileSync(join(place, name), bytes);
    return place;
  }

  it("is opened by its folder and by its first part, and gives what one file gives", async () => {
    const place = await split();
    const { values } = await sourceOf("qwen2");
    for (const path of [place, join(place, "tiny-00001-of-00003.gguf")]) {
      const found = await written(path);
      expect(found.size).toBe(values.size);
      for (const [name, own] of values) expect(found.get(name)).toEqual(own);
    }
  });

  it("is refused by its second part, which says what is meant", async () => {
    const path = join(await split(), "tiny-00002-of-00003.gguf");
    await expect(openCheckpoint(path, { addon, decodes: true })).rejects.toMatchObject({
      code: "BAD_INPUT",
      hint: expect.stringContaining("tiny-00001-of-00003.gguf"),
    });
  });

  it.each<[string, (parts: Map<string, Uint8Array>) => void, string]>([
    ["lacks a part", (parts) => parts.delete("tiny-00003-of-00003.gguf"), "tiny-00003-of-00003.gguf is missing"],
    [
      "has a part under another's name",
      (parts) => parts.set("tiny-00003-of-00003.gguf", parts.get("tiny-00002-of-00003.gguf") as Uint8Array),
      "says that it is part 1 of 3",
    ],
  ])("that %s is refused", async (_, change, message) => {
    await expect(openCheckpoint(await split(change), { addon, decodes: true })).rejects.toThrow(message);
  });
});

describe("a GGUF file", () => {
  it("is described with the types of its tensors", async () => {
    const { tensors, metadata } = await sourceOf("llama");
    const blocks = tensors.map((tensor) => {
      const built = f32Tensor(tensor);
      if (tensor[1].shape.length < 2) return built;
      return { ...built, type: 8, bytes: new Uint8Array((tensor[1].values.length / 32) * 34) };
    });
    const facts = await inspect(write(ggufBytes({ metadata, tensors: blocks })));
    expect(facts.family).toBe("LlamaForCausalLM (llama)");
    expect(Object.keys(facts.dtypes).sort()).toEqual(["F32", "Q8_0"]);
    expect(facts).toMatchObject({ layers: 2, vocabulary: 459, tied: false });
  });

  it("of an unknown architecture is refused by name", async () => {
    const path = write(ggufBytes({ metadata: [["general.architecture", ["text", "mamba"]]] }));
    await expect(openCheckpoint(path, { addon })).rejects.toThrow('architecture "mamba"');
  });

  it("of an adapter is refused by name", async () => {
    const path = write(ggufBytes({ metadata: [["general.type", ["text", "adapter"]]] }));
    await expect(openCheckpoint(path, { addon })).rejects.toThrow("is an adapter");
  });

  it("with tensors that its family does not have is refused with their names", async () => {
    const { tensors, metadata } = await sourceOf("llama");
    tensors.push(["blk.0.ffn_gate_exps.weight", { shape: [2, 2], values: new Float32Array(4) }]);
    await expect(openCheckpoint(write(f32File(metadata, tensors)), { addon })).rejects.toThrow(
      "blk.0.ffn_gate_exps.weight",
    );
  });

  it("without a number that its family needs is refused with the key", async () => {
    const { tensors, metadata } = await sourceOf("llama");
    const without = metadata.filter(([key]) => key !== "llama.block_count");
    await expect(openCheckpoint(write(f32File(without, tensors)), { addon })).rejects.toThrow(
      "llama.block_count is missing",
    );
  });

  it("is refused with its name where plain numbers are needed", async () => {
    const { tensors, metadata } = await sourceOf("llama");
    await expect(openCheckpoint(write(f32File(metadata, tensors)), { addon })).rejects.toThrow(
      "stored in another order",
    );
  });

  it("beside another one is refused by the folder's name, and opened by its own", async () => {
    const { tensors, metadata } = await sourceOf("llama");
    const path = write(f32File(metadata, tensors), "a.gguf");
    writeFileSync(join(path, "..", "b.gguf"), "x");
    await expect(openCheckpoint(join(path, ".."), { addon, decodes: true })).rejects.toThrow("several GGUF models");
    expect((await openCheckpoint(path, { addon, decodes: true })).tensors.size).toBe(tensors.length);
  });
});
