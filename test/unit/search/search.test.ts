// A search on the demo's models: candidates are never written, a search that was stopped comes to the same, and its recipe is a merge.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { merge } from "../../../lib/merge/merge.js";
import { verify } from "../../../lib/merge/verify.js";
import { search } from "../../../lib/search/search.js";
import type { SearchResults } from "../../../lib/search/types.js";
import { long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const place = mkdtempSync(join(tmpdir(), "retemper-search-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const first = (file: string, count: number) => {
  const path = join(place, `${count}-${file}`);
  writeFileSync(path, `${readFileSync(join(demo, file), "utf8").split("\n").slice(0, count).join("\n")}\n`);
  return path;
};

const experiment: Experiment = {
  aligned: join(demo, "model"),
  tuned: [{ seed: 42, adapter: join(demo, "adapters", "seed-42") }],
  methods: ["linear"],
  safety: { sets: [`safety:${first("unsafe.jsonl", 24)}`], judges: [{ keyword: ["can't help"] }] },
  task: {
    validation: [`exact:${first("task_valid.jsonl", 12)}`],
    test: [`exact:${first("task_test.jsonl", 8)}`],
  },
  decoding: { maxNewTokens: 16 },
  search: { layers: 2, candidates: 8, population: 4, finalists: 2 },
  select: { margin: 0.9, minGain: 0.1 }, // of so few items no bound is near 0
};

/** All that says when and at what cost stays out. */
function contents(out: string): SearchResults {
  return JSON.parse(readFileSync(join(out, "search.json"), "utf8")) as SearchResults;
}

describe("a search on a model", () => {
  it("refuses what only a run can do, all of it at once", async () => {
    const wrong = {
      select: { rule: "score" as const },
      search: { range: [0, 1.5] as [number, number] },
      adaptive: true,
    };
    const refused = search({ ...experiment, ...wrong }, join(place, "refused"));
    await expect(refused).rejects.toThrow(/under the rule constrained[\s\S]*leave adaptive out[\s\S]*extrapolate/);
  });

  it.runIf(long)(
    "goes on where it was stopped, to the same result, and ends in recipes that merge writes and verify checks",
    async () => {
      const whole = join(place, "whole");
      const results = await search(experiment, whole);
      expect(results.groups.map(({ name }) => name)).toEqual([
        ...["layers 0-1 mlp", "layers 2-3 mlp", "layers 0-1 attention", "layers 2-3 attention"],
      ]);
      const count = (way: string) => results.candidates.filter((one) => one.way === way).length;
      expect(["lambda", "cma-es", "random"].map(count)).toEqual([20, 8, 8]);
      expect(results.items.search.safety + results.items.choose.safety + results.items.confirm.safety).toBe(24);
      expect(readdirSync(whole)).not.toContain("models");

      // stopped after the plain lambda, and gone on with
      const stopped = join(place, "stopped");
      const stop = new AbortController();
      const onStep = (step: string) => step.startsWith("cma-es") && stop.abort(new Error("stopped"));
      await expect(search(experiment, stopped, { signal: stop.signal, onStep })).rejects.toThrow("stopped");
      expect(existsSync(join(stopped, "search.json"))).toBe(false);
      await search(experiment, stopped);
      expect(contents(stopped)).toEqual(contents(whole));
      let steps = 0;
      await search(experiment, stopped, { onStep: () => (steps += 1) });
      expect(steps).toBe(0);

      const [choice] = results.choices;
      const [recipe] = choice?.recipes ?? [];
      if (!choice || !recipe) throw new Error("nothing was chosen");
      const { out } = await merge(join(whole, recipe.path), join(place, "merged"), { writeModelCard: false });
      expect((await verify(out)).ok).toBe(true);
      expect(readFileSync(join(whole, "search.md"), "utf8")).toContain("Paired tests on the confirming set");
    },
    120_000,
  );
});
