// An experiment's folder as something to talk with: what a run left there.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "../../../lib/experiment/run.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { readPlayed } from "../../../lib/play/readPlayed.js";
import { demoAdapter, demoModel, root } from "../../e2e/command.js";
import { casesOf } from "../../long.js";
import { answers } from "../serve/servers.js";
import { messages } from "./pages.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-played-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const demo = (name: string) => join(root, "demo", name);

const EXPERIMENT: Experiment = {
  name: "Doors",
  aligned: demoModel,
  methods: [{ method: "linear", lambda: [0.2, 0.4] }, "model_stock"],
  safety: { sets: [`safety:${demo("unsafe.jsonl")}`], judges: ["keyword"] },
  task: { validation: [`exact:${demo("task_valid.jsonl")}`], test: [`exact:${demo("task_test.jsonl")}`] },
  decoding: { maxNewTokens: 20 },
  limit: 8,
  select: { rule: "score" },
};
const TUNINGS: [name: string, tuning: Partial<Experiment>][] = [
  ["given", { tuned: [1024, 42].map((seed) => ({ seed, adapter: demo(`adapters/seed-${seed}`) })) }],
  [
    "tuned",
    {
      tune: { data: demo("task_train.jsonl"), seeds: [7, 8], options: { maxSteps: 3, batchSize: 2 } },
    } as Partial<Experiment>,
  ],
];

describe("an experiment's folder", () => {
  it.each(casesOf(TUNINGS, TUNINGS.slice(0, 1)))(
    "is the series of its choice, with adapters %s",
    async (name, tuning) => {
      const out = join(folder, name);
      const results = await run({ ...EXPERIMENT, ...tuning }, out);
      const played = await readPlayed(out);
      expect(played.lambdas).toEqual([0, 0.2, 0.4, 1]);
      expect(played.results?.title).toBe("Doors");
      const { candidates = [], aligned, fineTuned } = played.results ?? {};
      expect(candidates.map(({ point }) => point)).toEqual([{ lambda: 0.2 }, { lambda: 0.4 }]);
      for (const [at, { attackSuccessRate, task }] of candidates.entries()) {
        const measured = results.validation.candidates.filter(({ method }) => method === "linear")[at];
        expect(attackSuccessRate?.value).toBe(measured?.asr.value);
        expect(task).toMatchObject({ name: results.labels.score, value: measured?.score.value });
      }
      const { candidate } = results.selection.overall;
      const chosen = candidates.filter((one) => one.chosen).map(({ point }) => point.lambda);
      expect(chosen).toEqual(candidate?.method === "linear" ? [candidate.lambda] : []);
      expect(aligned).toMatchObject({ point: { lambda: 0 }, label: "aligned" });
      expect(fineTuned).toMatchObject({ point: { lambda: 1 }, label: "fine-tuned" });
      expect(played.prompts).toHaveLength(new Set(results.examples.flatMap(({ request }) => request ?? [])).size);
      if (name === "given") expect(played.prompts).not.toEqual([]);
      // its lambda 1 is the tuning itself, of the seed that ships or of the first
      const { source, lambdas, seed } = played;
      const merge = await openModel(source, { lambdas, seed, engine: "native" });
      const [most] = await answers(merge, [messages], { lambda: 1, maxNewTokens: 16 });
      await merge.close();
      if (name === "given") {
        const first = results.shipped?.seed ?? "1024";
        const tuned = await openModel(`${demoModel}+${demo(`adapters/seed-${first}`)}`, { engine: "native" });
        const [wanted] = await answers(tuned, [messages], { maxNewTokens: 16 });
        await tuned.close();
        expect(most?.text).toBe(wanted?.text);
      }
    },
  );

  it("is told apart from recipes and models", async () => {
    expect(await readPlayed(demoModel)).toEqual({ source: demoModel });
    expect(await readPlayed(demo("play.yml"))).toEqual({ source: demo("play.yml"), lambdas: [0, 0.5, 1] });
    const both = `${demoModel}+${demoAdapter}`;
    const source = { merge_method: "linear", models: [{ model: demoModel }, { model: both }] };
    expect(await readPlayed(both)).toEqual({ source, lambdas: [0, 0.5, 1] });
    const complete = "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n";
    expect(await readPlayed(complete)).toEqual({ source: complete });
  });
});
