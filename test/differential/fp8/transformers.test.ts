// FP8 models that conversions write, loaded by transformers with compressed-tensors: every key is known, the weights are those
// that we read of the same file, and the logits are those of these weights, apart from what activations in 8 bits do.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { convert } from "../../../lib/merge/convert.js";
import { modelFolder, promptsOf } from "../../golden/generate/modelFolders.js";
import { long } from "../../long.js";
import { runPython, whyNoPython } from "../../peers.js";

const missing = whyNoPython("torch", "transformers", "compressed_tensors");
const folder = mkdtempSync(join(tmpdir(), "retemper-fp8-peer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** Matrices alone, with norms of their own, and joined; the others were tried, too. */
const names = ["llama", "qwen3", "phi3"] as const;

interface Loaded {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly mismatched: readonly string[];
  readonly codes: boolean;
  readonly other: readonly string[];
  readonly apart: { readonly "eight bits": number; readonly whole: number };
}

describe.runIf(long && !missing)(`FP8 models in transformers${missing ? ` (${missing})` : ""}`, () => {
  it("load whole, with the weights that are read here, and answer as these do", async () => {
    for (const name of names) {
      const out = join(folder, name);
      await convert(modelFolder(name), out, { format: "fp8", dtype: "bfloat16" });
      await convert(out, `${out}-decoded`);
      writeFileSync(
        join(out, "prompts.txt"),
        promptsOf(name)
          .map((ids) => ids.join(" "))
          .join("\n"),
      );
    }
    const folders = names.map((name) => join(folder, name));
    const found = JSON.parse(runPython(join(import.meta.dirname, "load.py"), folders)) as Record<string, Loaded>;
    for (const name of names) {
      const { apart, ...facts } = found[name] as Loaded;
      expect(facts, name).toEqual({ missing: [], unexpected: [], mismatched: [], codes: true, other: [] });
      expect(apart.whole, name).toBe(0);
      // so that they are in 8 bits; weights drawn at random make much of it
      expect(apart["eight bits"], name).toBeGreaterThan(0);
      expect(apart["eight bits"], name).toBeLessThan(1);
    }
  });
});
