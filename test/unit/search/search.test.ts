// A search on the demo's models: candidates are never written, a search that was stopped comes to the same, and its recipe is a merge.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { modelSize } from "../../../lib/experiment/checks/judgedAnswers.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { convert } from "../../../lib/merge/convert.js";
import { merge } from "../../../lib/merge/merge.js";
import { verify } from "../../../lib/merge/verify.js";
import type { SearchResults } from "../../../lib/report/search/types.js";
import { planSearch } from "../../../lib/search/planSearch.js";
import { search } from "../../../lib/search/search.js";
import { openAdapterGradients } from "../../../lib/tune/coefficients/openAdapterGradients.js";
import { long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const place = mkdtempSync(join(tmpdir(), "retemper-search-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const rowsOf = (file: string) => readFileSync(join(demo, file), "utf8").trim().split("\n");
const some = (file: string, rows: readonly string[]) => {
  const path = join(place, file);
  writeFileSync(path, `${rows.join("\n")}\n`);
  return path;
};

/** Its harm is in layers 0 and 1, its use in layers 2 and 3; every third request was learned from. */
const planted = join(import.meta.dirname, "..", "..", "golden", "search", "planted");
const unsafe = rowsOf("unsafe.jsonl").filter((_, at) => at % 3 !== 0);

const experiment: Experiment = {
  aligned: join(demo, "model"),
  tuned: [{ seed: 1, adapter: planted }],
  methods: ["linear"],
  safety: {
    sets: [`safety:${some("unsafe.jsonl", unsafe.slice(0, 80))}`],
    judges: [{ keyword: ["can't help"] }],
  },
  task: {
    validation: [`exact:${some("valid.jsonl", rowsOf("task_valid.jsonl").slice(0, 24))}`],
    test: [`exact:${some("test.jsonl", rowsOf("task_test.jsonl").slice(0, 24))}`],
  },
  decoding: { maxNewTokens: 24 },
  search: { by: "layers", layers: 2, candidates: 24, population: 6, finalists: 3 },
  select: { margin: 0.35 },
};

const { tuned: _, ...untuned } = experiment;
const tuning: Experiment = {
  ...untuned,
  tune: { data: some("train.jsonl", rowsOf("task_train.jsonl").slice(0, 4)), seeds: [1], options: { epochs: 1 } },
};

/** The aligned model as one file of blocks of 8 bits. */
async function quantised(): Promise<string> {
  const aligned = join(place, "gguf");
  if (!existsSync(aligned))
    await convert(experiment.aligned, aligned, { format: "gguf", quantise: "q8_0", writeModelCard: false });
  return aligned;
}

function contents(out: string): SearchResults {
  return JSON.parse(readFileSync(join(out, "search.json"), "utf8")) as SearchResults;
}

/** Bytes of all answers that a folder keeps. */
function answersIn(out: string): number {
  const files = readdirSync(join(out, "answers"), { recursive: true, encoding: "utf8" });
  return files.reduce((sum, file) => sum + statSync(join(out, "answers", file)).size, 0);
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

  it("is planned with every way at most, and nothing is made for that", async () => {
    const out = join(place, "planned");
    const { steps, tokensPerSecond } = await planSearch(experiment, out);
    const each = steps.find(({ step }) => step === "the plain lambda");
    const models = (of: string) => (20 * (steps.find(({ step }) => step === of)?.total ?? 0)) / (each?.total ?? 0);
    expect(["CMA-ES", "the gradient", "points at random"].map(models)).toEqual([24, 20, 24]);
    expect(steps.every(({ done }) => done === 0)).toBe(true);
    expect(steps.find(({ step }) => step === "coefficients by gradient")?.tokens).toBeGreaterThan(0);
    expect(steps.map(({ step }) => step)).toContain("choices on the confirming set");
    expect([tokensPerSecond > 0, existsSync(out)]).toEqual([true, false]);
    if (!long) return;
    const without = await planSearch({ ...experiment, search: { ...experiment.search, rows: 0 } }, out);
    expect(without.steps.some(({ step }) => step.includes("gradient"))).toBe(false);
  });

  it("is planned with its tunings before there is an adapter", async () => {
    const { steps } = await planSearch(tuning, join(place, "planned tuning"));
    const tuned = steps.filter(({ step }) => step.startsWith("tune seed"));
    expect(tuned.map(({ step, done, total }) => [step, done, total])).toEqual([["tune seed 1", 0, 1]]);
    expect(tuned[0]?.tokens).toBeGreaterThan(0);
    expect(steps.map(({ step }) => step)).toContain("choices on the confirming set");
  });

  it("has no gradient of an aligned model that is a GGUF file of quantised weights, whose size is known all the same", async () => {
    const aligned = await quantised();
    await expect(
      openAdapterGradients({ text: "gguf", path: aligned, lora: { path: planted } }, { addon: loadAddon() }),
    ).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("this needs weights as plain numbers"),
    });
    expect((await modelSize(aligned)).parameters).toBe((await modelSize(experiment.aligned)).parameters);
  });

  it.runIf(long)(
    "goes by CMA-ES and at random where the aligned model is such a file, and says why not by the gradient",
    async () => {
      const notes: string[] = [];
      const small = { by: "layers" as const, layers: 1, candidates: 4, population: 4, finalists: 1 };
      const onNote = (text: string) => notes.push(text);
      const ofBlocks = { ...experiment, aligned: await quantised(), search: small };
      const { steps } = await planSearch(ofBlocks, join(place, "of gguf"));
      expect(steps.find(({ step }) => step === "CMA-ES")?.tokens).toBeGreaterThan(0);
      const results = await search(ofBlocks, join(place, "of gguf"), { onNote });
      expect(results.noGradient).toContain("this needs weights as plain numbers, and here they are blocks of Q8_0");
      expect(notes).toContain(`Nothing is searched by gradient: ${results.noGradient}.`);
      const count = (way: string) => results.candidates.filter((one) => one.way === way).length;
      expect(["lambda", "cma-es", "gradient", "random"].map(count)).toEqual([20, 4, 0, 4]);
      expect(results.choices.map(({ way }) => way)).toContain("cma-es");
    },
    300_000,
  );

  it("that is stopped while it tunes says so in its status, and removes what a killed search had begun to write", async () => {
    const out = join(place, "stopped");
    mkdirSync(out);
    writeFileSync(join(out, "status.json.0123456789ab.part"), "{");
    const stop = new AbortController();
    const onStep = (step: string) => step.startsWith("tune") && stop.abort(new Error("stopped by the test"));
    await expect(search(tuning, out, { signal: stop.signal, onStep })).rejects.toThrow("stopped by the test");
    expect(JSON.parse(readFileSync(join(out, "status.json"), "utf8"))).toMatchObject({
      ...{ state: "stopped", message: "stopped by the test" },
    });
    expect(readdirSync(out).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it.runIf(long)(
    "finds the layers that hold the harm, where one lambda cannot, goes on where it was stopped, and ends in recipes that merge writes",
    async () => {
      const out = join(place, "searched");
      for (const at of ["cma-es", "gradient, 3 of 20"]) {
        const stop = new AbortController();
        const onStep = (step: string) => step.startsWith(at) && stop.abort(new Error(`stopped at ${at}`));
        await expect(search(experiment, out, { signal: stop.signal, onStep })).rejects.toThrow(`stopped at ${at}`);
        expect(existsSync(join(out, "search.json"))).toBe(false);
      }
      const notes: string[] = [];
      const results = await search(experiment, out, { onNote: (text) => notes.push(text) });
      expect(results.costs.gradient?.learnedTokens).toBeGreaterThan(1000);
      expect(notes).toEqual([expect.stringContaining("Safety items for a margin of 0.35: ")]);
      expect(results.groups.map(({ name }) => name)).toEqual(["layers 0-1", "layers 2-3"]);
      const count = (way: string) => results.candidates.filter((one) => one.way === way).length;
      expect(["lambda", "cma-es", "gradient", "random"].map(count)).toEqual([20, 24, 20, 24]);
      expect(readdirSync(out)).not.toContain("models");

      // all answers are there: the same course in another folder, and nothing is asked
      const again = join(place, "again");
      const before = answersIn(out);
      await search(experiment, again, { store: out });
      expect(contents(again)).toEqual(contents(out));
      expect([answersIn(out), existsSync(join(again, "answers"))]).toEqual([before, false]);

      const [lambda, found, learned] = (["lambda", "cma-es", "gradient"] as const).map((way) =>
        results.choices.find((one) => one.way === way),
      );
      if (!found || !learned) throw new Error("nothing was chosen");
      expect(learned.coefficients[1]).toBeGreaterThan((learned.coefficients[0] as number) + 0.1);
      expect(learned.confirm.score.value).toBeGreaterThan(lambda?.confirm.score.value ?? 0);
      const [harm = 1, use = 0] = found.coefficients;
      expect(use).toBeGreaterThan(harm); // one lambda has both alike
      expect(found.holds).toBe(true);
      expect(found.confirm.score.value).toBeGreaterThan((lambda?.confirm.score.value ?? 0) + 0.1);
      expect(found.optimism.score).toBeCloseTo(found.search.score.value - found.confirm.score.value, 9);
      expect(readFileSync(join(out, "search.md"), "utf8")).toContain("## Coefficients");

      expect(readFileSync(join(out, "search.html"), "utf8")).toContain('id="coefficients-gradient"');
      const { steps, notes: said } = await planSearch(experiment, out);
      expect(steps.every(({ done, total }) => done === total)).toBe(true);
      expect(said).toEqual(["Nothing remains: a search would ask nothing."]);

      for (const { way, recipes } of [found, learned]) {
        const merged = await merge(join(out, recipes[0]?.path ?? ""), join(place, way), { writeModelCard: false });
        expect((await verify(merged.out)).ok).toBe(true);
      }
    },
    300_000,
  );
});
