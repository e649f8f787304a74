// Adapters out of merges against PEFT: the base with the adapter, run by PEFT, answers as the written merge does.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { merge } from "../../lib/index.js";
import { casesOf } from "../long.js";
import { runPython, whyNoPython } from "../peers.js";

const FAMILIES = casesOf(["llama", "tied", "biased", "gpt2"], []);
const noPython = FAMILIES.length === 0 ? "in the long form only" : whyNoPython("torch", "transformers", "peft");
const script = (name: string) => join(import.meta.dirname, "adapters", name);

describe.skipIf(noPython)(`adapters and PEFT${noPython ? `: ${noPython}` : ""}`, () => {
  let folder: string;
  /** Of one model with PEFT and the base with an adapter: compared at the end, since Python takes long to start. */
  const compared: { readonly what: string; readonly paths: readonly string[] }[] = [];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "retemper-peft-"));
    runPython(script("makeAdapters.py"), [folder, ...FAMILIES]);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("merges of adapters of different ranks, with weights, nested and at a lambda, give PEFT the merge's logits", async () => {
    for (const family of FAMILIES) {
      const place = (name: string) => join(folder, family, name);
      const base = place("base");
      const tuned = (name: string) => `${base}+${place(name)}`;
      const weighted = (weights: Record<string, number>) => ({
        merge_method: "task_arithmetic",
        base_model: base,
        out_dtype: "float32",
        models: Object.entries(weights).map(([name, weight]) => ({
          model: name === "inner" ? name : tuned(name),
          parameters: { weight },
        })),
      });
      const inner = weighted({ first: 0.5, second: 1.5 });
      const outer = weighted({ inner: 0.8, third: 0.5 });
      const sum = weighted({ first: 0.5, second: 0.7, third: -0.4 });
      const line = {
        merge_method: "linear",
        out_dtype: "float32",
        models: [{ model: base }, { model: tuned("third") }],
      };
      const nested = [{ name: "inner", ...inner }, outer].map((one) => JSON.stringify(one)).join("\n---\n");
      await merge(inner, place("inner"));
      await merge(outer, place("nested"), { models: { inner: place("inner") } });
      await merge(sum, place("sum"));
      await merge(line, place("line"), { lambda: 0.3 });
      for (const [name, recipe, lambda] of [
        ["sum", sum],
        ["nested", nested],
        ["line", line, 0.3],
      ] as const) {
        const { adapter } = await merge(recipe, place(`${name}-adapter`), { format: "adapter", lambda });
        expect(adapter).toMatchObject({ kept: 1, error: 0 });
        compared.push({ what: `${family} ${name}`, paths: [place(name), base, place(`${name}-adapter`)] });
      }
    }
    const paths = compared.flatMap((one) => one.paths);
    const results = JSON.parse(runPython(script("compareLogits.py"), paths)) as {
      difference: number;
      largest: number;
    }[];
    expect(results).toHaveLength(3 * FAMILIES.length);
    for (const [at, { difference, largest }] of results.entries()) {
      expect(difference / largest, compared[at]?.what).toBeLessThan(1e-5);
    }
  }, 300_000);
});
