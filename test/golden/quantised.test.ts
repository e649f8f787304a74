// Quantised checkpoints (test/golden/quantised/make.py), merged: the numbers that the reference libraries make of their codes, to
// the bit, whatever reads them.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { ReadingMode } from "../../lib/addon/nativePlan.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import { merge } from "../../lib/merge/merge.js";
import { contents } from "./contents.js";

const addon = loadAddon();
const golden = join(import.meta.dirname, "quantised");
const folder = mkdtempSync(join(tmpdir(), "retemper-quantised-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const names = readdirSync(golden).filter((name) => !name.includes("."));

describe("a quantised model", () => {
  it("is here in each format that is read", () => {
    expect(names.length).toBe(22);
  });

  it.each(names)("has the numbers of the reference, to the bit: %s", async (name) => {
    const expected = contents(join(golden, `${name}.expected.safetensors`));
    for (const reading of ["map", "pread"] satisfies ReadingMode[]) {
      const out = join(folder, `${name}-${reading}`);
      await merge({ merge_method: "passthrough", models: [{ model: join(golden, name) }] }, out, { reading });
      const made = contents(join(out, "model.safetensors"));
      expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
      for (const [tensor, facts] of Object.entries(expected)) expect(made[tensor], tensor).toEqual(facts);
      const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8")) as object;
      expect(config).not.toHaveProperty("quantization_config");
    }
  });

  it.each(names)("says what precision was lost before, and lists no codes: %s", async (name) => {
    const { notes, tensors, config } = await openCheckpoint(join(golden, name), { addon, decodes: true });
    expect(notes?.join("\n")).toMatch(/\d weights? (was|were) quantised before \(.*\d/);
    expect(config).not.toHaveProperty("quantization_config");
    const left = /(scales?|scale_inv|zeros?|zero_point|packed|shape|absmax|quant_map|SCB|g_idx)$/;
    expect([...tensors.keys()].filter((tensor) => left.test(tensor))).toEqual([]);
  });

  it("is merged with a plain one as its numbers are", async () => {
    for (const name of ["gptq-act-order", "awq", "compressed-int4-zero", "nf4-nested"]) {
      const plain = join(folder, `${name}-plain`);
      cpSync(join(golden, name), plain, { recursive: true });
      cpSync(join(golden, `${name}.expected.safetensors`), join(plain, "model.safetensors"));
      writeFileSync(join(plain, "config.json"), JSON.stringify({ model_type: "llama", torch_dtype: "float16" }));
      const out = async (first: string, to: string) => {
        const models = [first, plain].map((model, i) => ({ model, parameters: { weight: 0.3 + i, density: 0.6 } }));
        const recipe = { merge_method: "ties", base_model: plain, models, dtype: "float32" } as const;
        await merge(recipe, join(folder, to), { threads: 2 });
        return contents(join(folder, to, "model.safetensors"));
      };
      expect(await out(join(golden, name), `${name}-a`)).toEqual(await out(plain, `${name}-b`));
    }
  });
});
