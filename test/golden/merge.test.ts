// Every method against mergekit's own output on tiny models, through the library, dtypes and config.json included.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { METHOD_NAMES, merge } from "../../lib/index.js";
import { METHODS } from "../../lib/recipe/methods.js";
import { readCheckpoint, type TestTensor } from "../e2e/mergeModels.js";

const golden = join(import.meta.dirname, "merge");
const cases = readdirSync(join(golden, "recipes")).map((name) => name.replace(/\.yml$/, ""));
const recipeOf = (name: string) =>
  readFileSync(join(golden, "recipes", `${name}.yml`), "utf8").replaceAll("models/", `${golden}/models/`);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-golden-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("merges", () => {
  it.each(cases)("gives what mergekit gives for %s", async (name) => {
    const out = join(folder, name);
    await merge(recipeOf(name), out, { threads: 2 });
    const got = readCheckpoint(out);
    const want = readCheckpoint(join(golden, "expected"), `${name}.safetensors`);
    expect([...got.keys()].sort()).toEqual([...want.keys()].sort());
    const differing = [...want].flatMap(([tensor, reference]) => difference(tensor, got.get(tensor), reference));
    expect(differing).toEqual([]);

    const config = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    const expected = JSON.parse(readFileSync(join(golden, "expected", `${name.split(".")[0]}.config.json`), "utf8"));
    for (const key of ["architectures", "num_hidden_layers", "vocab_size", "tie_word_embeddings"]) {
      expect(config[key], key).toEqual(expected[key]);
    }
    const dtypes = { F32: "float32", BF16: "bfloat16", F16: "float16" } as Record<string, string>;
    expect(config.torch_dtype).toBe(dtypes[[...want.values()][0]?.dtype ?? ""]);
  });

  it("covers every method", () => {
    const methods = new Set(cases.map((name) => /merge_method: (\w+)/.exec(recipeOf(name))?.[1]));
    // mergekit has none of those that are prepared.
    const shared = METHOD_NAMES.filter((name) => METHODS[name].prepared === undefined);
    expect(shared.filter((name) => !methods.has(name))).toEqual([]);
  });
});

function difference(name: string, got: TestTensor | undefined, want: TestTensor): string[] {
  if (!got || got.dtype !== want.dtype || got.shape.join() !== want.shape.join()) {
    return [`${name}: ${got?.dtype} [${got?.shape}], expected ${want.dtype} [${want.shape}]`];
  }
  const largest = want.values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const bad = want.values.findIndex((value, at) => {
    const near = Math.abs((got.values[at] ?? Number.NaN) - value) <= 2e-6 * largest;
    return !near && !(want.bits && got.bits && Math.abs(order(got.bits[at]) - order(want.bits[at])) <= 1);
  });
  return bad < 0 ? [] : [`${name}[${bad}]: ${got.values[bad]}, expected ${want.values[bad]}`];
}

/** 16-bit floats as integers in order of value, so that neighbours differ by one. */
function order(bits = 0): number {
  return bits & 0x8000 ? -(bits & 0x7fff) : bits;
}
