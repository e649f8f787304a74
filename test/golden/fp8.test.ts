// FP8 out against compressed-tensors (test/golden/fp8/make.py): the codes and scales of its compressor, byte for byte.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { convert } from "../../lib/merge/convert.js";
import { contents } from "./contents.js";

const golden = join(import.meta.dirname, "fp8");
const folder = mkdtempSync(join(tmpdir(), "retemper-fp8-golden-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("FP8 of a model", () => {
  it.each(["bfloat16", "float16", "float32"])("has the codes and scales of compressed-tensors: %s", async (dtype) => {
    const out = join(folder, dtype);
    await convert(join(golden, dtype), out, { format: "fp8" });
    const made = contents(join(out, "model.safetensors"));
    const expected = contents(join(golden, `${dtype}.expected.safetensors`));
    expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, facts] of Object.entries(expected)) expect(made[name], name).toEqual(facts);
    const { quantization_config: settings } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(settings.ignore).toEqual(["lm_head", "model.layers.0.mlp.gate"]);
  });
});
