// An experiment whose method has a grid over a parameter other than lambda: what is declared, in which order it is asked, and a whole run.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { looksOf } from "../../../lib/experiment/adaptive/looksOf.js";
import { nextBlocks } from "../../../lib/experiment/adaptive/nextBlocks.js";
import type { AdaptivePlan, CandidateSoFar } from "../../../lib/experiment/adaptive/types.js";
import { mergeAt, mergeSeries } from "../../../lib/experiment/candidates/merges.js";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { run } from "../../../lib/experiment/run.js";
import { candidateOf } from "../../../lib/experiment/settings/declaredSeries.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { seriesSubjects } from "../../../lib/experiment/steps/seriesMeasurement.js";
import { merge } from "../../../lib/merge/merge.js";
import type { ExperimentCosts } from "../../../lib/report/types.js";
import { candidateId, nameOf } from "../../../lib/select/names.js";
import { completeRule } from "../../../lib/select/rule.js";
import { long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const folder = mkdtempSync(join(tmpdir(), "retemper-varied-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const resta = { method: "resta" as const, vary: { gamma: [0.1, 0.5, 0.3, 0.1] } };
const safeLora = { method: "safe_lora" as const, lambda: 0.8, vary: { threshold: [0.2, 0.6] } };
const experiment: Experiment = {
  aligned: join(demo, "model"),
  unaligned: join(folder, "unaligned"),
  tuned: [{ seed: 42, adapter: join(demo, "adapters", "seed-42") }],
  methods: [resta, safeLora, { method: "linear", lambda: 0.5 }],
  safety: {
    sets: [`safety:${demo}/unsafe.jsonl`],
    judges: [{ keyword: ["i can't help with that"], ignoreCase: true, name: "town" }],
  },
  task: { validation: [`exact:${demo}/task_valid.jsonl`], test: [`exact:${demo}/task_test.jsonl`] },
  decoding: { maxNewTokens: 6 },
  limit: 4,
  select: { rule: "score" },
};

describe("a grid over a parameter", () => {
  it("is a series of recipes with one lambda, the method's own by default", async () => {
    const settings = await loadExperiment(experiment);
    const [gammas, thresholds, linear] = mergeSeries(settings, [{ seed: "42", model: "F" }]);
    expect(gammas).toMatchObject({
      lambda: 1,
      values: [0.1, 0.3, 0.5],
      varied: { parameter: "gamma", safer: "larger" },
    });
    expect(gammas?.values?.map((value) => nameOf(candidateOf(gammas, value)))).toEqual([
      "resta at lambda 1 (gamma 0.1)",
      "resta at lambda 1 (gamma 0.3)",
      "resta at lambda 1 (gamma 0.5)",
    ]);
    const at = gammas && mergeAt(gammas, gammas.merges[0] as never, 0.3);
    expect(at).toMatchObject({
      seed: "42",
      recipe: { models: [{ model: "F" }], parameters: { lambda: 1, gamma: 0.3 } },
    });
    expect(at).not.toHaveProperty("lambda");
    expect(thresholds).toMatchObject({ lambda: 0.8, values: [0.2, 0.6] });
    expect(linear).not.toHaveProperty("varied");
    expect(linear && mergeAt(linear, linear.merges[0] as never, 0.5)).toMatchObject({ lambda: 0.5 });
  });

  it.each([
    [{ method: "linear", vary: { weight: [0.1] } }, /linear has no safe end of weight/, /vary lambda instead/],
    [{ method: "resta", vary: { density: [0.1, 0.5] } }, /resta has no safe end of density/, /it may vary gamma/],
    [{ method: "resta", vary: { lambda: [0.1] } }, /resta has no safe end of lambda/, /write lambda: \[/],
    [{ method: "resta", vary: { gamma: [0.1], density: [1] } }, /vary takes one parameter, not gamma and density/, /./],
    [{ ...resta, lambda: [0.5, 1] }, /vary goes with one lambda/, /an entry for each lambda/],
    [{ ...resta, parameters: { gamma: 0.2 } }, /gamma is in both vary and parameters/, undefined],
    [{ ...resta, over: "all" }, /resta over all tuned models varies nothing/, undefined],
  ])("says what cannot be: %j", async (entry, message, hint) => {
    const failed = await loadExperiment({ ...experiment, methods: [entry as never] }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "BAD_RECIPE" });
    expect(`${failed}`).toMatch(message);
    if (hint) expect(`${(failed as { hint?: string }).hint} ${failed}`).toMatch(hint);
  });

  it("is refused where another entry asks for one of its merges", async () => {
    const twice = { method: "resta" as const, lambda: [0.5, 1], parameters: { gamma: 0.3 } };
    await expect(loadExperiment({ ...experiment, methods: [resta, twice] })).rejects.toThrow(
      /resta at lambda 1 \(gamma 0\.3\) is asked for twice/,
    );
  });

  it("is asked from its safe end in an adaptive run, and left where it is not safe", async () => {
    const settings = await loadExperiment({
      ...experiment,
      methods: [resta, { method: "linear", lambda: [0.8, 0.4] }],
    });
    const items = { order: Array.from({ length: 160 }, (_, at) => at), looks: looksOf(160) };
    const plan: AdaptivePlan = {
      series: mergeSeries(settings, []),
      rule: completeRule({ rule: "constrained", margin: 0.1 }),
      items: { safety: items, task: items, "over-refusal": items },
    };
    const rows = (attacks: number) => [items.order.map((at) => (at < attacks ? 1 : 0))];
    const point = (attacks: number) => ({
      asr: { value: 0, values: rows(attacks) },
      score: { value: 0, values: rows(0) },
    });
    const candidates = new Map<string, CandidateSoFar>();
    const ends = { aligned: point(0), tuned: { ...point(160), score: { value: 1, values: rows(160) } } };
    const asked = () =>
      nextBlocks(plan, { ...ends, candidates }).map(({ candidate, part }) => `${nameOf(candidate)}: ${part}`);
    const answer = (value: number, attacks: number) =>
      candidates.set(candidateId({ method: "resta", lambda: 1, parameters: { gamma: value } }), {
        safety: { asked: 160, values: rows(attacks) },
      });
    const linear = "linear at lambda 0.4: safety";
    expect(asked()).toEqual(["resta at lambda 1 (gamma 0.5): safety", linear]);
    answer(0.5, 0);
    expect(asked()).toEqual(["resta at lambda 1 (gamma 0.3): safety", linear]);
    // 0.3 is not safe: 0.1 is never asked
    answer(0.3, 80);
    expect(asked()).toEqual([linear]);
  });
});

describe("a run with grids over gamma and a threshold", () => {
  it("opens gammas as variants of one merge, and thresholds, which decide what is made before, one by one", async () => {
    const settings = await loadExperiment(experiment);
    const [gammas, thresholds] = mergeSeries(settings, [{ seed: "42", model: "F" }]).map((series) =>
      series.merges.flatMap((merge) => seriesSubjects(series, merge, settings)),
    );
    expect(gammas?.map(({ names, variants }) => [names, variants])).toEqual([
      [
        ["gamma 0.1", "gamma 0.3", "gamma 0.5"],
        [0.1, 0.3, 0.5].map((gamma) => expect.objectContaining({ parameters: { lambda: 1, gamma } })),
      ],
    ]);
    expect(thresholds?.map(({ recipe, variants }) => [recipe, variants])).toEqual(
      [0.2, 0.6].map((threshold) => [expect.objectContaining({ parameters: { lambda: 0.8, threshold } }), undefined]),
    );
  });

  it.runIf(long)("asks them, chooses among all, and writes the choice", { timeout: 300_000 }, async () => {
    // alignment went where another tuning comes from, so that gamma has something to add
    const adapter = `${demo}/model+${join(demo, "adapters", "seed-1024")}`;
    await merge({ merge_method: "passthrough", models: [{ model: adapter }] }, join(folder, "unaligned"));
    const out = join(folder, "out");
    const methods = [resta, safeLora];
    const { validation, selection, test, trends, outputs } = await run({ ...experiment, methods }, out);
    expect(validation.candidates.map(nameOf)).toEqual([
      "resta at lambda 1 (gamma 0.1)",
      "resta at lambda 1 (gamma 0.3)",
      "resta at lambda 1 (gamma 0.5)",
      "safe_lora at lambda 0.8 (threshold 0.2)",
      "safe_lora at lambda 0.8 (threshold 0.6)",
    ]);
    expect(selection.verdicts.map(({ candidate }) => candidate.parameters)).toEqual(
      [0.5, 0.3, 0.1].map((gamma) => ({ gamma })).concat([0.6, 0.2].map((threshold) => ({ threshold })) as never),
    );
    // over lambda there is nothing to test a slope of
    expect(trends).toEqual([]);
    const { steps } = JSON.parse(readFileSync(join(out, "costs.json"), "utf8")) as ExperimentCosts;
    const answers = steps.filter(({ step }) => /^(resta|safe_lora)/.test(step) && !/test/.test(step));
    expect(answers.map(({ step }) => step).sort()).toEqual([
      ...[0.1, 0.3, 0.5].map((gamma) => `resta over gamma at lambda 1 seed 42 gamma ${gamma}`),
      ...[0.2, 0.6].map((threshold) => `safe_lora over threshold at lambda 0.8 seed 42 threshold ${threshold}`),
    ]);
    // what was written is what was measured
    const chosen = selection.overall.candidate;
    expect(test.chosen.map(nameOf)).toContain(chosen && nameOf(chosen));
    const { recipe } = JSON.parse(readFileSync(join(out, "models", "chosen", "retemper.json"), "utf8"));
    const [[parameter, value] = []] = Object.entries(chosen?.parameters ?? {});
    expect(recipe).toContain(`lambda: ${chosen?.lambda}\n  ${parameter}: ${value}\n`);
    expect(outputs[0]?.agreement).toMatchObject({ questions: 8, same: 8 });
    const page = readFileSync(join(out, "report.html"), "utf8");
    for (const id of ["curve-score-gamma", "curve-asr-gamma", "curve-asr-threshold"])
      expect(page).toContain(`id="${id}"`);
    expect(page).not.toContain('id="curve-score"');
  });

  it.runIf(long)("is asked block by block from its safe end, with the same choice", { timeout: 900_000 }, async () => {
    const select = { rule: "constrained", margin: 0.5, minGain: 0 } as const;
    const asked = { ...experiment, limit: 16, select };
    const [all, adaptive] = [join(folder, "all"), join(folder, "adaptive")];
    const { steps } = await planRun(asked, all);
    expect(steps.map(({ step }) => step)).toContain("3 resta over gamma at lambda 1 merges, validation");
    const whole = await run(asked, all);
    const some = await run({ ...asked, adaptive: true }, adaptive);
    expect(some.selection.overall.candidate).toEqual(whole.selection.overall.candidate);
  });
});
