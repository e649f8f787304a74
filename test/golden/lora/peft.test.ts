// An adapter that we trained, loaded by PEFT: the logits of the live adapter and of PEFT's merge are those of our generation
// on the merged model, whose weights are those of merge_and_unload(). Needs a Python with peft; skipped where there is none.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { readTensors } from "../../../lib/checkpoint/tensorFile.js";
import { widen } from "../../../lib/nn/engines/reference/widen.js";
import { merge } from "../../../lib/merge/merge.js";
import { tune } from "../../../lib/tune/tune.js";
import type { TuneOptions } from "../../../lib/tune/types.js";
import { runPython, whyNoPython } from "../../peers.js";
import { MODELS_FOLDER, openOn } from "../generate/engines.js";
import { lastLogits, wholePrompts } from "../generate/steps.js";

const HERE = new URL(".", import.meta.url).pathname;
const missing = whyNoPython("peft");
const folder = mkdtempSync(join(tmpdir(), "peft-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = Array.from({ length: 8 }, (_, i) => ({
  inputIds: Array.from({ length: 9 }, (__, j) => (i * 31 + j * 17) % 370),
  promptLength: 3,
}));
const ids = [
  [5, 9, 17, 3, 22],
  [44, 2, 7],
];

const CASES: readonly [name: string, model: string, options: TuneOptions][] = [
  ["all linear layers", "llama", {}],
  ["DoRA, a regular expression", "llama", { dora: true, targetModules: ".*\\.(q|v|down)_proj" }],
  ["rank-stabilised, fused matrices", "phi3", { rslora: true }],
  ["Conv1D matrices", "gpt2", { rank: 4 }],
];
const SETTINGS = { learningRate: 5e-3, batchSize: 2, epochs: 2, saveSteps: 0, threads: 1, engine: "native" } as const;
const baseOf = (model: string) => join(MODELS_FOLDER, model);

const tensorsOf = (file: string) => readTensors(file, loadAddon(), widen);

async function logitsOf(model: string): Promise<Float32Array> {
  const decoder = await openOn("native", model);
  const cache = decoder.createCache({ slots: ids.length, tokens: 100 });
  const logits = lastLogits(decoder, cache, wholePrompts(ids));
  decoder.dispose();
  return logits;
}

describe.skipIf(missing)(`an adapter that we trained, in PEFT${missing ? `: ${missing}` : ""}`, () => {
  let peft: Record<"live" | "merged", number[][]>[] = [];
  beforeAll(async () => {
    const cases: object[] = [];
    for (const [name, model, options] of CASES) {
      const { adapter } = await tune(baseOf(model), rows, join(folder, name), { ...SETTINGS, ...options });
      cases.push({ model: baseOf(model), adapter, ids, merged: join(folder, `${name}.safetensors`) });
    }
    writeFileSync(join(folder, "cases.json"), JSON.stringify(cases));
    const text = runPython(join(HERE, "peftLogits.py"), [join(folder, "cases.json")]);
    peft = JSON.parse(text.trim().split("\n").at(-1) as string);
  });

  it.each(CASES.map(([name], i) => [name, i] as const))("gives the same logits, live and merged: %s", async (name, i) => {
    const base = baseOf((CASES[i] as (typeof CASES)[number])[1]);
    const merged = join(folder, `${name} merged`);
    const recipe = { merge_method: "passthrough", dtype: "float32", models: [{ model: `${base}+${join(folder, name)}` }] };
    await merge(recipe, merged);
    const ours = await logitsOf(merged);
    const furthest = (of: Iterable<number>) => Math.max(...[...of].map((value, j) => Math.abs(value - (ours[j] as number))));
    const { live, merged: after } = peft[i] as (typeof peft)[number];
    expect(furthest(live.flat())).toBeLessThan(5e-4);
    expect(furthest(after.flat())).toBeLessThan(5e-4);
    expect(furthest(await logitsOf(base))).toBeGreaterThan(0.05); // it did learn

    const theirs = tensorsOf(join(folder, `${name}.safetensors`));
    const written = tensorsOf(join(merged, "model.safetensors"));
    expect(written.size).toBeGreaterThan(0);
    let largest = 0;
    for (const [key, { shape, values }] of written) {
      const same = theirs.get(key);
      expect(same?.shape, key).toEqual(shape);
      values.forEach((value, j) => {
        largest = Math.max(largest, Math.abs(value - (same?.values[j] as number)));
      });
    }
    expect(largest).toBeLessThan(2e-6);
  });
});
