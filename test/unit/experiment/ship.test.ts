// The forms in which an experiment ships its choice: what may be asked, that each is compared with what was measured, and that a
// run does no more than what is new.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { run } from "../../../lib/experiment/run.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { shipForms } from "../../../lib/experiment/settings/shipForms.js";
import { verify } from "../../../lib/merge/verify.js";
import { long } from "../../long.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-ship-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const whole: Experiment = {
  aligned: "demo/model",
  tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }],
  methods: ["linear"],
  lambda: [0.4],
  safety: { sets: ["safety:demo/unsafe.jsonl"], judges: [{ keyword: ["i can't help with that"], ignoreCase: true }] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  decoding: { maxNewTokens: 6 },
  limit: 2,
  select: { rule: "score" },
};

describe("the forms that ship", () => {
  it("are names, or a format with its options; each allows as much as its bits usually move", async () => {
    const ship: Experiment["ship"] = [
      "safetensors",
      "gguf",
      "gguf:q8_0",
      { format: "gguf", quantise: "q4_k_m", tolerance: 0.03 },
      "gguf:q6_k",
      "fp8",
      "adapter",
      { format: "adapter", rank: 4 },
      { format: "safetensors", dtype: "float16" },
    ];
    const forms = shipForms(await loadExperiment({ ...whole, ship }));
    expect(forms.map(({ name, tolerance }) => [name, tolerance])).toEqual([
      ["safetensors", 0.001],
      ["gguf", 0.001],
      ["gguf q8_0", 0.01],
      ["gguf q4_k_m", 0.03],
      ["gguf q6_k", 0.1],
      ["fp8", 0.01],
      ["adapter", 0.001],
      ["adapter rank 4", 0.1],
      ["safetensors float16", 0.001],
    ]);
  });

  it("are refused, all at once, where an option is of another format, a form stands twice, or a server answers", async () => {
    const ship: Experiment["ship"] = [
      { format: "adapter", quantise: "q8_0" },
      { format: "gguf", dtype: "float16", rank: 2 },
      "gguf:q8_0",
      { format: "gguf", quantise: "q8_0", tolerance: 1 },
    ];
    const engine = { endpoint: { url: "http://localhost:1/v1" } };
    const text = await messageOf(() => loadExperiment({ ...whole, ship, engine }));
    expect(text).toContain("quantise is of gguf, and this is adapter");
    expect(text).toContain("dtype is of safetensors, and this is gguf");
    expect(text).toContain("rank is of adapter, and this is gguf");
    expect(text).toContain("gguf q8_0 is asked for twice");
    expect(text).toContain("a server answers (engine.endpoint)");
  });

  it("measure other models too where these have the form, and the weights are those of a form in GGUF", async () => {
    const allModels = true;
    const ship: Experiment["ship"] = [
      { format: "adapter", rank: 4, allModels },
      { format: "safetensors", allModels },
      { format: "fp8", test: false, allModels },
      { format: "safetensors", dtype: "float16", allModels },
    ];
    const text = await messageOf(() => loadExperiment({ ...whole, ship, engine: { weights: "asStored" } }));
    expect(text).toContain("in the form adapter rank 4, and the aligned model is no adapter");
    expect(text).toContain("in the form safetensors, in which all models are measured anyway");
    expect(text).toContain("in the form fp8, which is not measured (test: false)");
    expect(text).not.toContain("float16");
    expect(text).toContain("engine.weights: asStored is of the forms in GGUF that ship, and there is none");
    const engine = { weights: "int5" } as unknown as Experiment["engine"];
    expect(await messageOf(() => loadExperiment({ ...whole, engine }))).toContain(
      "engine.weights: unknown value `int5`",
    );
  });

  it("are refused where a method of tunings that are still to be done has no such form", async () => {
    const { tuned: _, ...rest } = whole;
    const tune = { data: "demo/task_train.jsonl", seeds: [42] };
    const methods: Experiment["methods"] = ["linear", "slerp"];
    const text = await messageOf(() => loadExperiment({ ...rest, tune, methods, ship: ["adapter"] }));
    expect(text).toContain("the changes that slerp make are of no low rank");
    const rank: Experiment["ship"] = [{ format: "adapter", rank: 4 }];
    expect(await messageOf(() => loadExperiment({ ...rest, tune, methods, ship: rank }))).toBe("");
  });

  it.runIf(long)("are refused before anything is asked where a merge has no such form", async () => {
    const out = join(folder, "refused");
    expect(await messageOf(() => run({ ...whole, methods: ["slerp"], ship: ["adapter"] }, out))).toMatch(
      /ship\[0\]: an adapter cannot hold this merge exactly: .*the method turns the weights along an arc/s,
    );
    expect(existsSync(out)).toBe(false);
  });
});

describe("a run", () => {
  it.runIf(long)(
    "chooses in blocks where engine.weights says so, confirms as stored, and keeps the two apart",
    async () => {
      const out = join(folder, "screened");
      const experiment: Experiment = { ...whole, lambda: [0.2, 0.4], engine: { weights: "q8_0" } };
      const found = await run(experiment, out);
      const { validation, test } = found;
      const screened = [validation.aligned, validation.tuned, ...validation.candidates];
      expect(screened.map(({ weights }) => weights)).toEqual(Array(4).fill("q8_0"));
      expect([test.aligned, test.tuned, ...test.chosen].map((one) => "weights" in one)).toEqual([false, false, false]);
      expect(found.provenance.unwritten).toContain("blocks of q8_0");
      expect(readFileSync(join(out, "report.md"), "utf8")).toMatch(/Data that chose, weights in q8\\?_0:/);
      const again = await planRun(experiment, out);
      expect(again.steps.every(({ done, total }) => done === total)).toBe(true);
      // as they are stored they are asked anew where items choose; items that confirm are known
      const stored = await planRun({ ...experiment, engine: {} }, out);
      const asked = stored.steps.filter(({ step }) => step.endsWith("validation and test"));
      expect(asked).toHaveLength(2);
      for (const { done, total } of asked) expect(done > 0 && done < total).toBe(true);
    },
    120_000,
  );

  it.runIf(long)(
    "measures the choice, the aligned and the fine-tuned model in a form, by the blocks of its file, and keeps their answers",
    async () => {
      const out = join(folder, "weights");
      const ship: Experiment["ship"] = [{ format: "gguf", quantise: "q4_0", allModels: true, tolerance: 10 }];
      const experiment: Experiment = { ...whole, ship, engine: { weights: "asStored" } };
      const planned = await planRun(experiment, out);
      const tested = (steps: typeof planned.steps) =>
        steps.find(({ step }) => step.startsWith("what ships in its forms"));
      expect(tested(planned.steps)).toMatchObject({ step: "what ships in its forms, test, at most 3", total: 3 * 8 });
      const found = await run(experiment, out);
      const [form] = found.ship?.forms ?? [];
      const models = [form, ...(form?.others ?? [])];
      expect(models.map((one) => [one?.measured?.weights, one?.refusals?.of])).toEqual(Array(3).fill(["asStored", 2]));
      expect(form?.others?.map(({ name }) => name)).toEqual(["aligned", "fine-tuned"]);
      expect(found.test.aligned).not.toHaveProperty("weights");
      expect(readFileSync(join(out, "report.md"), "utf8")).toContain("0, blocks as stored");
      // what they were written for is gone
      expect(readdirSync(join(out, "models")).filter((name) => name.includes("aligned"))).toEqual([]);
      const again = await planRun(experiment, out);
      expect(again.steps.every(({ done, total }) => done === total)).toBe(true);
      // decoded weights are other answers; the model's own, and the files, are the same
      const steps: string[] = [];
      const decoded = await run({ ...whole, ship }, out, { onStep: (step) => steps.push(step) });
      expect(steps.sort()).toEqual([
        "aligned, gguf q4_0, test",
        "fine-tuned seed 42, gguf q4_0, test",
        "gguf q4_0, test",
        "verdicts aligned, gguf q4_0, test",
        "verdicts fine-tuned seed 42, gguf q4_0, test",
        "verdicts gguf q4_0, test",
      ]);
      expect(decoded.ship?.forms[0]?.measured).not.toHaveProperty("weights");
    },
    240_000,
  );

  it.runIf(long)(
    "writes each form, compares it with what was measured, and does again only what is new",
    async () => {
      const out = join(folder, "out");
      const ship: Experiment["ship"] = ["safetensors", "gguf:q8_0", "adapter"];
      const experiment = { ...whole, ship };
      const before = await planRun(experiment, out);
      const added = before.steps.filter(({ step }) => step.startsWith("what ships"));
      expect(added.map(({ step, total }) => [step, total])).toEqual([
        ["what ships, in its forms, at most 2", 2],
        ["what ships, compared with what was measured, at most 3", 3],
        ["what ships in its forms, test, at most 2", 2 * 8],
      ]);
      expect(added[0]?.bytes).toBeGreaterThan(1e6);

      const found = await run(experiment, out);
      const base = found.shipped?.path as string;
      expect(found.ship?.forms).toMatchObject([
        { name: "safetensors", path: base, behaviour: { verdict: "same", causes: [], prompts: 4 } },
        {
          ...{ name: "gguf q8_0", path: `${base}-gguf-q8_0`, files: [{ path: "model-Q8_0.gguf" }] },
          behaviour: { verdict: "within tolerance", causes: [{ name: "quantisation" }], answers: { compared: 4 } },
        },
        { name: "adapter", path: `${base}-adapter`, behaviour: { verdict: "same", causes: [] } },
      ]);
      // its own numbers on the test data; the model that was measured has them already
      const [written, ...others] = found.ship?.forms ?? [];
      expect(written).not.toHaveProperty("measured");
      for (const one of others) {
        expect(one.paired?.map(({ a, b, metric, n }) => [a, b, metric, n])).toEqual([
          ["the merge", one.name, "asr", 2],
          ["the merge", one.name, "score", 2],
        ]);
        expect(one.sentence).toMatch(/; on the test data .* \(the merge \d\.\d{3}\)\.$/);
      }
      expect(found.ship).toMatchObject({
        holds: true,
        sentence: expect.stringContaining("behaves as what was measured"),
      });
      for (const { path } of found.ship?.forms ?? []) expect((await verify(join(out, path))).problems).toEqual([]);
      const card = readFileSync(join(out, `${base}-gguf-q8_0`, "README.md"), "utf8");
      expect(card).toContain("This is that merge in another form, gguf q8");
      expect(card).toContain("(as it was measured)");
      expect(readFileSync(join(out, "report.md"), "utf8")).toContain("What ships, beside what was measured");

      const text = readFileSync(join(out, "results.json"), "utf8");
      // no request is in it
      const [request = ""] = readFileSync("demo/unsafe.jsonl", "utf8").split("\n");
      const prompts = JSON.stringify(found.ship);
      expect(prompts).not.toContain(JSON.parse(request).prompt);
      const steps: string[] = [];
      await run(experiment, out, { onStep: (step) => steps.push(step) });
      expect(steps).toEqual([]);
      expect(readFileSync(join(out, "results.json"), "utf8")).toBe(text);
      expect((await planRun(experiment, out)).steps.every(({ done, total }) => done === total)).toBe(true);

      // a file that was changed since is written again; another tolerance compares again, and nothing else
      rmSync(join(out, `${base}-adapter`), { recursive: true });
      await run(experiment, out, { onStep: (step) => steps.push(step) });
      expect(steps).toEqual([`write ${base}-adapter`]);
      const notes: string[] = [];
      const strict = { format: "gguf", quantise: "q8_0", tolerance: 0, test: false } as const;
      const other = await run({ ...whole, ship: [strict] }, out, {
        onStep: (step) => steps.push(step),
        onNote: (note) => notes.push(note),
      });
      expect(steps.slice(1)).toEqual(["compare gguf q8_0"]);
      expect(notes.join()).toContain(`marked as obsolete: ${base}-adapter`);
      expect(other.ship).toMatchObject({ holds: false, forms: [{ behaviour: { verdict: "different" } }] });
      expect(other.ship?.forms[0]).not.toHaveProperty("measured");
      expect(other.ship?.sentence).toContain("(quantisation)");
      const report = readFileSync(join(out, "report.md"), "utf8");
      expect(report).toContain("Ships, with a note");
      expect(report).toContain("Not all that ships behaves as what was measured.");

      // where nothing qualifies, nothing ships in any form
      const nothing = { gate: "score.point >= 2", store: out };
      const none = await run(experiment, join(folder, "none"), nothing);
      expect([none.shipped, none.ship]).toEqual([undefined, undefined]);
      expect(existsSync(join(folder, "none", "models"))).toBe(false);
    },
    240_000,
  );
});

async function messageOf(work: () => Promise<unknown>): Promise<string> {
  return work().then(
    () => "",
    (error: Error) => error.message,
  );
}
