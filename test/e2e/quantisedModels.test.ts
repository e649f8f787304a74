// A quantised model through the whole command: it runs as the merge of it alone does, which has its numbers written out, and the
// command says what precision was lost.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { demoModel, run } from "./command.js";

const addon = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "retemper-quantised-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The demo's model with int8 matrices and a float32 scale a row, as compressed-tensors writes them. */
function quantised(): string {
  const place = join(folder, "int8");
  cpSync(demoModel, place, { recursive: true });
  const path = join(place, "model.safetensors");
  const header = addon.readHeader(path);
  const entries: Record<string, object> = {};
  const parts: Buffer[] = [];
  let at = 0;
  const put = (name: string, dtype: string, shape: readonly number[], bytes: Uint8Array) => {
    entries[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    parts.push(Buffer.from(bytes));
    at += bytes.length;
  };
  for (const [i, name] of header.names.entries()) {
    const shape = header.shapes[i] as readonly number[];
    const bytes = addon.readBytes(path, header.begins[i] as number, header.ends[i] as number);
    const [rows = 0, cols = 0] = shape;
    if (!name.endsWith("proj.weight")) {
      put(name, "BF16", shape, bytes);
      continue;
    }
    const stored = new Uint16Array(bytes.slice().buffer);
    const values = new Float32Array(Uint32Array.from(stored, (half) => half << 16).buffer);
    const codes = new Int8Array(rows * cols);
    const scales = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      const own = values.subarray(row * cols, (row + 1) * cols);
      const scale = Math.max(...own.map(Math.abs)) / 127 || 1;
      scales[row] = scale;
      for (let col = 0; col < cols; col++) codes[row * cols + col] = Math.round((own[col] as number) / scale);
    }
    put(name, "I8", shape, new Uint8Array(codes.buffer));
    put(name.replace(/weight$/, "weight_scale"), "F32", [rows, 1], new Uint8Array(scales.buffer));
  }
  const text = Buffer.from(JSON.stringify(entries));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([size, text, ...parts]));
  const config = JSON.parse(readFileSync(join(place, "config.json"), "utf8")) as object;
  const settings = { quant_method: "compressed-tensors", format: "int-quantized", config_groups: {} };
  writeFileSync(join(place, "config.json"), JSON.stringify({ ...config, quantization_config: settings }));
  return place;
}

describe("a quantised model", () => {
  it("answers as the merge of it alone, whose dtype and configuration are of plain numbers", async () => {
    const place = quantised();
    const recipe = join(folder, "recipe.json");
    writeFileSync(recipe, JSON.stringify({ merge_method: "passthrough", models: [{ model: place }] }));
    const out = join(folder, "out");
    const merged = await run(["merge", recipe, out]);
    expect(merged.status, merged.stderr).toBe(0);
    expect(merged.stderr).toMatch(/28 weights were quantised before \(int8 with a scale for each row\)/);
    expect(readFileSync(join(out, "config.json"), "utf8")).not.toContain("quantization_config");
    expect(new Set(addon.readHeader(join(out, "model.safetensors")).dtypes)).toEqual(new Set(["BF16"]));
    const answers = await Promise.all(
      [place, out].map((model) =>
        run(["generate", model, "--prompt", "Hello", "--max-new-tokens", "6", "--engine", "native"]),
      ),
    );
    for (const { status, stdout, stderr } of answers) {
      expect(status, stderr).toBe(0);
      expect(stdout).toBe(answers[1]?.stdout);
    }
    const seen = await run(["inspect", place]);
    expect(seen.status, seen.stderr).toBe(0);
    expect(seen.stdout).toMatch(/quantised +.*(int8|compressed)/);
    expect(seen.stdout).toMatch(/^- 28 weights were quantised before \(int8 with a scale for each row\)/m);
  });
});
