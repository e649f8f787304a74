// Merges and conversions that write GGUF files, read with a small parser of the format's document.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { convert } from "../../../lib/merge/convert.js";
import { merge } from "../../../lib/merge/merge.js";
import { sweep } from "../../../lib/merge/sweep.js";
import { verify } from "../../../lib/merge/verify.js";
import { casesOf } from "../../long.js";
import { readGguf } from "./readGguf.js";

const root = join(import.meta.dirname, "../../..");
const model = join(root, "demo/model");
const adapter = join(root, "demo/adapters/seed-42");
const folder = mkdtempSync(join(tmpdir(), "retemper-gguf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const recipe = { merge_method: "linear", models: [{ model }, { model: `${model}+${adapter}` }] };

describe("a GGUF file", () => {
  it("stands in a folder with its card and its record, which verify accepts", async () => {
    const out = join(folder, "whole");
    await convert(model, out, { format: "gguf", quantise: "q8_0" });
    expect(readdirSync(out).sort()).toEqual(["README.md", "mergekit_config.yml", "model-Q8_0.gguf", "retemper.json"]);
    expect(await verify(out)).toMatchObject({ ok: true, problems: [] });
  });

  it("holds every tensor, q and k with the rows of each head in turn", async () => {
    const out = join(folder, "rows");
    await convert(model, out, { format: "gguf", quantise: "f32" });
    const file = readGguf(join(out, "model-F32.gguf"));
    expect(file.tensors.size).toBe(38);
    const stored = readSafetensors(join(model, "model.safetensors"), "model.layers.1.self_attn.q_proj.weight", 128);
    const q = file.floats("blk.1.attn_q.weight");
    for (const [row, from] of [
      [0, 0],
      [1, 16],
      [2, 1],
      [31, 31],
      [33, 48],
    ] as const) {
      expect(q.slice(row * 128, (row + 1) * 128)).toEqual(stored.slice(from * 128, (from + 1) * 128));
    }
    const o = readSafetensors(join(model, "model.safetensors"), "model.layers.1.self_attn.o_proj.weight", 128);
    expect(file.floats("blk.1.attn_output.weight")).toEqual(o);
  });

  it("says what llama.cpp needs to know", async () => {
    const out = join(folder, "words");
    await merge(recipe, out, { lambda: 0.4, format: "gguf", quantise: "q4_k_m" });
    const { metadata } = readGguf(join(out, "model-Q4_K_M.gguf"));
    expect(Object.fromEntries([...metadata].filter(([, value]) => typeof value !== "object"))).toMatchObject({
      "general.architecture": "llama",
      "general.file_type": 15,
      "llama.block_count": 4,
      "llama.attention.head_count_kv": 2,
      "llama.rope.dimension_count": 32,
      "tokenizer.ggml.model": "gpt2",
      "tokenizer.ggml.pre": "gpt-2",
      "tokenizer.ggml.eos_token_id": 2,
      "tokenizer.ggml.add_bos_token": false,
      "tokenizer.chat_template": expect.stringContaining("<|im_start|>"),
    });
    expect(metadata.get("tokenizer.ggml.tokens")).toHaveLength(1280);
  });

  it("has the same bytes as one of nine in a single pass as from a merge, for any number of threads", async () => {
    const lambdas = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];
    const swept = await sweep(recipe, { lambdas }, join(folder, "swept"), { format: "gguf", quantise: "q4_k_m" });
    expect(swept.passes).toBe(1);
    const bytes = (out: string) => readFileSync(join(out, "model-Q4_K_M.gguf"));
    const files = lambdas.map((lambda) => bytes(join(folder, "swept", `lambda-${lambda}`)));
    expect(new Set(files.map((file) => file.toString("latin1"))).size).toBe(lambdas.length);
    for (const [lambda, threads] of casesOf<[number, number]>(
      lambdas.map((lambda, at) => [lambda, 1 + (at % 3)]),
      [[0.3, 3]],
    )) {
      const alone = join(folder, `alone-${lambda}`);
      await merge(recipe, alone, { lambda, threads, format: "gguf", quantise: "q4_k_m" });
      expect(bytes(alone).equals(files[lambdas.indexOf(lambda)] as Buffer), `lambda ${lambda}`).toBe(true);
    }
  });

  it("draws the same random masks as the merge in safetensors", async () => {
    const dare = {
      merge_method: "dare_linear",
      base_model: model,
      models: [{ model: `${model}+${adapter}`, parameters: { weight: 1, density: 0.5 } }],
      dtype: "float32",
    };
    await merge(dare, join(folder, "dare"), {});
    await convert(join(folder, "dare"), join(folder, "dare-then"), { format: "gguf", quantise: "f32" });
    await merge(dare, join(folder, "dare-at-once"), { format: "gguf", quantise: "f32" });
    const [then, once] = ["dare-then", "dare-at-once"].map((name) => readGguf(join(folder, name, "model-F32.gguf")));
    for (const name of ["blk.0.attn_q.weight", "blk.2.attn_k.weight", "blk.3.ffn_up.weight"]) {
      expect(once?.floats(name)).toEqual(then?.floats(name));
    }
  });

  it("is refused for options that are another format's", async () => {
    const out = join(folder, "none");
    await expect(convert(model, out, { quantise: "q8_0" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(convert(model, out, { format: "gguf", outShardSize: 10 })).rejects.toMatchObject({ code: "USAGE" });
    await expect(sweep(recipe, { lambdas: [0.5] }, out, { format: "gguf", outAdapter: true })).rejects.toMatchObject({
      code: "USAGE",
    });
  });
});

/** Rows of a bfloat16 tensor as float32. */
function readSafetensors(path: string, name: string, rows: number): Float32Array {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  const [begin] = header[name].data_offsets as [number, number];
  const [all, columns] = header[name].shape as [number, number];
  const at = 8 + length + begin;
  return Float32Array.from({ length: Math.min(rows, all) * columns }, (_, i) => {
    const word = new Uint32Array([bytes.readUInt16LE(at + 2 * i) << 16]);
    return new Float32Array(word.buffer)[0] as number;
  });
}
