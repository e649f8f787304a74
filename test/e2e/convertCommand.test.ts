// `retemper convert` as users run it: the formats and dtypes that it writes, what it says of them, and what it refuses.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { merge } from "../../lib/index.js";
import { readGguf } from "../unit/merge/readGguf.js";
import { demoAdapter, demoModel, jsonLines, run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const Q_PROJ = "model.layers.1.self_attn.q_proj.weight";

/** The demo's model with other settings. */
function model(name: string, config: object): string {
  cpSync(demoModel, at(name), { recursive: true });
  const path = join(at(name), "config.json");
  const before = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...before, ...config }));
  return at(name);
}

const addon = loadAddon();

/** The stored bytes of each tensor. */
function tensors(place: string): Map<string, Buffer> {
  const path = join(place, "model.safetensors");
  const { names, begins, ends } = addon.readHeader(path);
  return new Map(
    names.map((name, i) => [name, Buffer.from(addon.readBytes(path, begins[i] as number, ends[i] as number))]),
  );
}

function bfloat16(bytes: Buffer = Buffer.alloc(0)): Float32Array {
  const halves = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

describe("retemper convert", () => {
  it("writes a GGUF file of the types that were asked for, and reports it in JSON", async () => {
    const out = at("gguf");
    const { status, stdout, stderr } = await run([
      ...["convert", demoModel, out, "--format", "gguf", "--quantise", "q8_0", "--json"],
    ]);
    expect([status, stderr]).toEqual([0, ""]);
    const { result } = jsonLines(stdout).at(-1) as {
      result: { out: string; files: { path: string; bytes: number }[] };
    };
    expect(result).toMatchObject({ out, method: "passthrough", warnings: [] });
    expect(result.files.map(({ path }) => path)).toContain("model-Q8_0.gguf");
    const { metadata, tensors } = readGguf(join(out, "model-Q8_0.gguf"));
    expect(metadata.get("general.name")).toBe("model");
    expect(tensors.get("blk.0.attn_q.weight")?.type).toBe(8);
    expect(tensors.get("blk.0.attn_norm.weight")?.type).toBe(0);
  });

  it("writes FP8 with its settings in config.json", async () => {
    const { status, stderr } = await run(["convert", demoModel, at("fp8"), "--format", "fp8"]);
    expect([status, stderr]).toEqual([0, ""]);
    const { quantization_config: settings } = JSON.parse(readFileSync(join(at("fp8"), "config.json"), "utf8"));
    expect(settings).toMatchObject({ quant_method: "compressed-tensors", format: "float-quantized" });
    expect(tensors(at("fp8")).get(`${Q_PROJ}_scale`)?.length).toBe(2 * 128);
  });

  it("gives the values of a GGUF file back as safetensors, and says that their lost precision stays lost", async () => {
    for (const [types, lost] of [
      ["bf16", undefined],
      ["q4_0", /quantised before they came here \(1 of Q8_0, 28 of Q4_0\)/],
    ] as const) {
      const [file, back] = [at(`from-${types}`), at(`back-${types}`)];
      expect((await run(["convert", demoModel, file, "--format", "gguf", "--quantise", types])).status).toBe(0);
      const named = join(file, `model-${types.toUpperCase()}.gguf`);
      const { status, stderr } = await run(["convert", named, back, "--dtype", "bfloat16"]);
      expect(status, stderr).toBe(0);
      if (lost) {
        expect(stderr).toMatch(lost);
        expect((await run(["inspect", named])).stdout).toMatch(lost);
      }
      if (!lost) expect(stderr).not.toMatch(/quantised/);
    }
    const [before, exact, rough] = [demoModel, at("back-bf16"), at("back-q4_0")].map(tensors);
    expect([...(exact?.keys() ?? [])].sort()).toEqual([...(before?.keys() ?? [])].sort());
    for (const [name, bytes] of before ?? []) expect(exact?.get(name)?.equals(bytes), name).toBe(true);
    const [stored, read] = [bfloat16(before?.get(Q_PROJ)), bfloat16(rough?.get(Q_PROJ))];
    const error = Math.hypot(...stored.map((value, i) => value - (read[i] as number))) / Math.hypot(...stored);
    expect(error).toBeGreaterThan(0.01);
    expect(error).toBeLessThan(0.15);
  });

  it("writes another dtype, of a model with its adapter as of a model", async () => {
    const out = at("float32");
    const adapted = `${demoModel}+${demoAdapter}`;
    const { status, stdout } = await run(["convert", adapted, out, "--dtype", "float32"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/float32: 38 tensors, 3\.8\d MB, method passthrough/);
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({ torch_dtype: "float32" });
    const recipe = { merge_method: "passthrough", out_dtype: "float32", models: [{ model: adapted }] };
    await merge(recipe, at("merged"));
    const [file, merged] = [out, at("merged")].map((place) => readFileSync(join(place, "model.safetensors")));
    expect(file?.equals(merged as Buffer)).toBe(true);
    const alone = at("alone");
    await merge({ ...recipe, models: [{ model: demoModel }] }, alone);
    expect(
      tensors(out)
        .get(Q_PROJ)
        ?.equals(tensors(alone).get(Q_PROJ) as Buffer),
    ).toBe(false); // the adapter is in
  });

  it("cuts safetensors into files of a size, and replaces an output only with --force", async () => {
    const out = at("shards");
    const args = ["convert", demoModel, out, "--out-shard-size", "500K"];
    expect((await run(args)).status).toBe(0);
    const names = readdirSync(out);
    expect(names).toContain("model.safetensors.index.json");
    expect(names.filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(2);
    const again = await run(["convert", demoModel, out]);
    expect(again).toMatchObject({ status: 12, stderr: expect.stringMatching(/--force/) });
    expect(readdirSync(out)).toEqual(names);
    expect((await run(["convert", demoModel, out, "--force"])).status).toBe(0);
    expect(readdirSync(out)).toContain("model.safetensors");
  });

  it.each([
    ["an output format that one model has not", ["--format", "adapter"], 2, /Allowed choices are safetensors, gguf/],
    ["a dtype of no weights", ["--dtype", "int8"], 2, /Give bfloat16, float16, float32 or float64/],
    ["types that GGUF has not", ["--format", "gguf", "--quantise", "q3"], 2, /Allowed choices are f32, f16/],
    ["types without the format", ["--quantise", "q8_0"], 2, /add --format gguf/],
    ["a GGUF file in parts", ["--format", "gguf", "--out-shard-size", "1M"], 2, /leave --out-shard-size out/],
  ])("refuses %s, and writes nothing", async (_what, flags, exit, words) => {
    const { status, stderr } = await run(["convert", demoModel, at("refused"), ...flags]);
    expect([status, existsSync(at("refused"))]).toEqual([exit, false]);
    expect(stderr).toMatch(words);
  });

  it("refuses a model without what a GGUF file needs, and what is no model", async () => {
    const bare = model("bare", {});
    rmSync(join(bare, "tokenizer.json"));
    const other = model("other", { model_type: "mamba" });
    mkdirSync(at("empty"));
    for (const [place, exit, words] of [
      [bare, 5, /the model has no tokenizer\.json[\s\S]*hint: put tokenizer\.json beside the model/],
      [other, 5, /model type mamba are not written[\s\S]*write safetensors/],
      [at("empty"), 4, /neither model\.safetensors nor/],
      [join(folder, "absent"), 4, /absent/],
    ] as const) {
      const { status, stderr } = await run(["convert", place, at("refused"), "--format", "gguf"]);
      expect([status, existsSync(at("refused"))], stderr).toEqual([exit, false]);
      expect(stderr).toMatch(words);
    }
  });

  it("warns of what llama.cpp will do otherwise with the file, and writes it", async () => {
    const windowed = model("windowed", { sliding_window: 128, hidden_act: "gelu" });
    const { status, stderr } = await run(["convert", windowed, at("warned"), "--format", "gguf"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/warning: the model attends to the last 128 tokens; llama\.cpp attends to all of them/);
    expect(stderr).toMatch(/warning: the model has the activation gelu; llama\.cpp has silu, and answers differently/);
    expect(existsSync(join(at("warned"), "model-BF16.gguf"))).toBe(true);
    const plain = await run(["convert", windowed, at("plain")]);
    expect(plain.stderr).not.toMatch(/llama\.cpp/); // safetensors say it in config.json
  });
});
