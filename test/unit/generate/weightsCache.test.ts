// Weights in blocks that are kept on disk: read again where nothing has changed, made again where anything has.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions } from "../../../lib/generate/types.js";
import type { Recipe } from "../../../lib/recipe/types.js";

const root = join(import.meta.dirname, "../../..");
const demo = join(root, "demo");
const model = join(demo, "model");
const tuned = `${model}+${join(demo, "adapters/seed-42")}`;
const recipe: Recipe = { merge_method: "linear", models: [{ model }, { model: tuned }] };
const folder = mkdtempSync(join(tmpdir(), "retemper-weights-cache-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const INPUTS = [
  [1, 2, 3, 40, 5],
  [70, 8],
];

async function logitsOf(source: string | Recipe, options: ModelOptions) {
  const model = await openModel(source, options);
  try {
    return await model.logits(INPUTS, { lambda: options.lambdas?.[0] });
  } finally {
    await model.close();
  }
}

/** Entries, and what else is there. */
const entriesOf = (cache: string) => readdirSync(cache).sort();
const blocksOf = (cache: string, entry: string) => join(cache, entry, "blocks");

describe("a cache of weights in blocks", () => {
  it("has what was made, and the next opening reads it", async () => {
    const weightsCache = join(folder, "read");
    const plain = await logitsOf(model, { weights: "q4_k_m" });
    expect(await logitsOf(model, { weights: "q4_k_m", weightsCache })).toEqual(plain);
    const [entry, ...others] = entriesOf(weightsCache) as [string];
    expect(others).toEqual([]);
    expect(readdirSync(join(weightsCache, entry)).sort()).toEqual(["blocks", "entry.json"]);
    const before = statSync(blocksOf(weightsCache, entry));
    expect(await logitsOf(model, { weights: "q4_k_m", weightsCache, threads: 1 })).toEqual(plain);
    expect(entriesOf(weightsCache)).toEqual([entry]);
    expect(statSync(blocksOf(weightsCache, entry)).ino).toBe(before.ino);
  });

  it("is read: bytes that are changed together with their digest change answers", async () => {
    const weightsCache = join(folder, "changed");
    const plain = await logitsOf(model, { weights: "int8", weightsCache });
    const [entry] = entriesOf(weightsCache) as [string];
    const file = blocksOf(weightsCache, entry);
    const bytes = readFileSync(file);
    const other = bytes.map((byte, at) => (at % 130 < 2 ? byte : byte ^ 1));
    writeFileSync(file, other);
    // Damaged: made again.
    expect(await logitsOf(model, { weights: "int8", weightsCache })).toEqual(plain);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(entriesOf(weightsCache)).toEqual([entry]);
    writeFileSync(file, other);
    const record = JSON.parse(readFileSync(join(weightsCache, entry, "entry.json"), "utf8"));
    const sha256 = createHash("sha256").update(other).digest("hex");
    writeFileSync(join(weightsCache, entry, "entry.json"), JSON.stringify({ ...record, sha256 }));
    expect(await logitsOf(model, { weights: "int8", weightsCache })).not.toEqual(plain);
  });

  it.each(["blocks", "entry.json"])("makes an entry again that lacks its file %s", async (name) => {
    const weightsCache = join(folder, `without ${name}`);
    const plain = await logitsOf(model, { weights: "int8", weightsCache });
    const [entry] = entriesOf(weightsCache) as [string];
    rmSync(join(weightsCache, entry, name));
    expect(await logitsOf(model, { weights: "int8", weightsCache })).toEqual(plain);
    expect(entriesOf(weightsCache)).toEqual([entry]);
    expect(readdirSync(join(weightsCache, entry)).sort()).toEqual(["blocks", "entry.json"]);
  });

  it("has an entry of its own for each quantisation, lambda, fidelity and recipe", async () => {
    const weightsCache = join(folder, "each");
    const cases: [string | Recipe, ModelOptions][] = [
      [model, { weights: "int8" }],
      [model, { weights: "int4" }],
      [recipe, { weights: "int8", lambdas: [0.4] }],
      [recipe, { weights: "int8", lambdas: [0.5] }],
      [recipe, { weights: "int8", lambdas: [0.4, 0.5] }],
      [recipe, { weights: "int8", lambdas: [0.4, 0.5], fidelity: "exact" }],
    ];
    for (const [at, [source, options]] of cases.entries()) {
      const made = await logitsOf(source, { ...options, weightsCache });
      expect(entriesOf(weightsCache)).toHaveLength(at + 1);
      expect(await logitsOf(source, { ...options, weightsCache })).toEqual(made);
      expect(made).toEqual(await logitsOf(source, options));
    }
    expect(entriesOf(weightsCache)).toHaveLength(cases.length);
  });

  it("serves nothing for a model whose file has changed", async () => {
    const weightsCache = join(folder, "other");
    const copy = join(folder, "copy");
    cpSync(model, copy, { recursive: true });
    const before = await logitsOf(copy, { weights: "q8_0", weightsCache });
    const file = join(copy, "model.safetensors");
    const bytes = readFileSync(file);
    const start = 8 + Number(bytes.readBigUInt64LE());
    // The signs of half of the embedding: size and place stay.
    for (let at = start + 1; at < start + 100_000; at += 4) bytes[at] = (bytes[at] as number) ^ 0x80;
    writeFileSync(file, bytes);
    utimesSync(file, new Date(), new Date(Date.now() + 5000));
    const after = await logitsOf(copy, { weights: "q8_0", weightsCache });
    expect(after).not.toEqual(before);
    expect(after).toEqual(await logitsOf(copy, { weights: "q8_0" }));
    expect(entriesOf(weightsCache)).toHaveLength(2);
  });

  it("is whole after two processes made the same at once", async () => {
    const weightsCache = join(folder, "two");
    const program = join(folder, "open.mjs");
    const open = `import { openModel } from ${JSON.stringify(join(root, "dist/index.js"))};
      const model = await openModel(${JSON.stringify(model)}, { weights: "q8_0", weightsCache: ${JSON.stringify(weightsCache)} });
      const [logits] = await model.logits([[1, 2, 3]]);
      console.log(logits.slice(-5).join(" "));
      await model.close();`;
    writeFileSync(program, open);
    const runs = await Promise.all(
      [1, 2].map(async () => {
        const child = spawn(process.execPath, [program], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let text = "";
        child.stdout.on("data", (data) => {
          text += data;
        });
        const [code] = await once(child, "close");
        return { code, text };
      }),
    );
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs[0]?.text).toBe(runs[1]?.text);
    const [entry, ...others] = entriesOf(weightsCache) as [string];
    expect(others).toEqual([]);
    expect(readdirSync(join(weightsCache, entry)).sort()).toEqual(["blocks", "entry.json"]);
  });

  it("keeps nothing of an opening that fails", async () => {
    const weightsCache = join(folder, "failed");
    const refused = logitsOf(model, { weights: "q8_0", weightsCache, maxMemory: 1e6 });
    await expect(refused).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
    await expect(logitsOf(model, { weightsCache })).rejects.toMatchObject({ code: "USAGE" });
    await expect(logitsOf(model, { weightsCache, weights: "asStored" })).rejects.toMatchObject({ code: "USAGE" });
    expect(() => readdirSync(weightsCache)).toThrow();
  });
});
