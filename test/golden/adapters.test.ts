// Adapters as PEFT saves them, merged by a slow reference from what openAdapter says, against PEFT's own merges.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import type { Adapter, Checkpoint } from "../../lib/checkpoint/types.js";
import { readFile } from "../../lib/checkpoint/weights.js";
import { mergedTensors, valuesOf } from "./adaptersReference.js";

const GOLDEN = fileURLToPath(new URL("./lora/", import.meta.url));
const MODELS = fileURLToPath(new URL("./models/", import.meta.url));
const addon = loadAddon();

async function open(base: string, adapter: string): Promise<Checkpoint & { adapter: Adapter }> {
  const opened = await openCheckpoint({ text: "base+adapter", path: base, lora: { path: adapter } }, { addon });
  return opened as Checkpoint & { adapter: Adapter };
}

/** Largest difference, relative to the largest magnitude of the expected tensor; checks the set of tensors too. */
function compare(opened: Checkpoint & { adapter: Adapter }, expectedPath: string): number {
  const merged = mergedTensors(opened, opened.adapter);
  const expected = readFile(expectedPath, addon);
  expect([...merged.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
  let worst = 0;
  for (const [name, tensor] of expected.tensors) {
    const want = valuesOf(tensor as never, expected.files);
    const have = merged.get(name) as Float64Array;
    expect(have.length).toBe(want.length);
    const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [i, value] of want.entries()) worst = Math.max(worst, Math.abs(value - (have[i] as number)) / largest);
  }
  return worst;
}

describe("openAdapter", () => {
  for (const name of readdirSync(join(GOLDEN, "adapters"))) {
    it(`gives the merge of PEFT for ${name}`, async () => {
      const folder = join(GOLDEN, "adapters", name);
      const { base } = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as { base: string };
      const opened = await open(join(MODELS, base.replace("models/", "")), folder);
      expect(compare(opened, join(folder, "expected_merged_f32.safetensors"))).toBeLessThan(2e-6);
    });
  }

  for (const name of readdirSync(join(GOLDEN, "cases"))) {
    it(`gives the merge of PEFT for the corner case ${name}`, async () => {
      const folder = join(GOLDEN, "cases", name);
      expect(existsSync(join(folder, "expected.safetensors"))).toBe(true);
      const opened = await open(join(folder, "base"), join(folder, "adapter"));
      expect(compare(opened, join(folder, "expected.safetensors"))).toBeLessThan(2e-6);
    });
  }

  it("warns where merging a tied embedding changes the head too", async () => {
    const folder = join(GOLDEN, "cases", "tied_embedding_adapted");
    const { adapter } = await open(join(folder, "base"), join(folder, "adapter"));
    expect(adapter.warnings).toHaveLength(1);
    expect(adapter.warnings?.[0]).toContain("model.embed_tokens.weight is also the model's head");
  });

  it("keeps the base's values for a tied head when only the embedding was saved", async () => {
    const folder = join(GOLDEN, "cases", "tied_embedding_replaced");
    const { adapter, files } = await open(join(folder, "base"), join(folder, "adapter"));
    expect(adapter.files[1]).toEqual(files[0]);
    expect(adapter.added.get("lm_head.weight")?.file).toBe(1);
    expect(adapter.warnings?.[0]).toContain("lm_head.weight keeps the base's values");
  });
});
