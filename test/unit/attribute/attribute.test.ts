// Attribution on a tuning of which is known where its harm lies: that of test/golden/search/makePlanted.mjs has it in layers 0 and
// 1, and what is useful in layers 2 and 3.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agreementOf } from "../../../lib/attribute/agreementOf.js";
import { attribute } from "../../../lib/attribute/attribute.js";
import { coefficientGradients } from "../../../lib/attribute/coefficientGradients.js";
import { derivativesOf } from "../../../lib/attribute/derivativesOf.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import type { AttributionResults } from "../../../lib/report/attribution/types.js";
import { long } from "../../long.js";

const demo = new URL("../../../demo/", import.meta.url).pathname;
const planted = new URL("../../golden/search/planted", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "retemper-attribute-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "attribution");

const LIMIT = 16;

function experiment(): Experiment {
  return {
    name: "Planted",
    aligned: join(demo, "model"),
    tuned: [{ seed: 1, adapter: planted }],
    methods: ["linear"],
    safety: {
      sets: [`safety:${join(demo, "unsafe.jsonl")}`],
      judges: [{ keyword: ["i can't help with that"], ignoreCase: true }],
    },
    task: {
      validation: [`calls=exact:${join(demo, "task_valid.jsonl")}`],
      test: [`calls=exact:${join(demo, "task_test.jsonl")}`],
    },
    decoding: { maxNewTokens: 24 },
    limit: LIMIT,
    select: { rule: "constrained", margin: 0.2, by: "point" },
  };
}

describe.runIf(long)("attribution of a tuning with planted harm", () => {
  let results: AttributionResults;

  beforeAll(async () => {
    results = await attribute(experiment(), out, { rows: 2 });
  });

  const inLayers = (layers: readonly number[]) =>
    results.groups.flatMap(({ layer }, at) => (layer !== undefined && layers.includes(layer) ? [at] : []));
  const mean = (places: readonly number[], of: (at: number) => number) =>
    places.reduce((sum, at) => sum + of(at), 0) / places.length;

  it("has a group for the attention and the MLP of each layer, with their places", () => {
    expect(
      results.groups
        .filter(({ layer }) => layer !== undefined)
        .map(({ layer, module }) => `${layer} ${module}`)
        .sort(),
    ).toEqual([0, 1, 2, 3].flatMap((layer) => [`${layer} attention`, `${layer} mlp`]));
    expect(results.tuned.asr.value).toBeGreaterThan(results.aligned.asr.value + 0.3);
    expect(results.tuned.score.value).toBeGreaterThan(results.aligned.score.value + 0.3);
  });

  it("finds the refusals where they were lost, and the task where it was learned, by taking groups back", () => {
    const { restored } = results;
    const gained = (at: number) => -(restored[at]?.asrChange.value as number);
    const lost = (at: number) => -(restored[at]?.scoreChange.value as number);
    const [early, late] = [inLayers([0, 1]), inLayers([2, 3])];
    expect(Math.max(...early.map(gained))).toBeGreaterThan(0.2);
    expect(mean(early, gained)).toBeGreaterThan(1.3 * Math.max(0, mean(late, gained)));
    expect(mean(late, lost)).toBeGreaterThan(2 * Math.max(0, mean(early, lost)));
    // the interval of each change holds it
    for (const {
      asrChange: { value, low, high },
    } of restored)
      expect(low <= value && value <= high).toBe(true);
  });

  it("finds the same by derivatives, and says how far the two agree", () => {
    const gradients = results.gradients ?? [];
    const [early, late] = [inLayers([0, 1]), inLayers([2, 3])];
    const refusals = (at: number) => gradients[at]?.refusals as number;
    const task = (at: number) => -(gradients[at]?.task as number);
    expect(mean(early, refusals)).toBeGreaterThan(1.3 * Math.abs(mean(late, refusals)));
    expect(mean(late, task)).toBeGreaterThan(2 * Math.abs(mean(early, task)));
    for (const { correlation } of results.agreement) expect(correlation).toBeGreaterThan(0);
  });

  it("writes what it found, and a page that shows it", () => {
    expect(JSON.parse(readFileSync(join(out, "attribution.json"), "utf8"))).toEqual(
      JSON.parse(JSON.stringify(results)),
    );
    const { document } = parseHTML(readFileSync(join(out, "attribution.html"), "utf8"));
    const squares = (id: string) => document.querySelectorAll(`figure#${id} [data-mark=cell] rect`).length;
    expect([squares("refusals-restored"), squares("task-restored"), squares("refusals-gradient")]).toEqual([8, 8, 8]);
    expect(document.querySelectorAll("table#groups tbody tr").length).toBe(results.groups.length);
  });

  it("asks nothing again in the same folder, and finds the same", async () => {
    const steps: string[] = [];
    const again = await attribute(experiment(), out, { gradients: false, onStep: (step) => steps.push(step) });
    expect(steps).toEqual([]);
    expect(again.restored).toEqual(results.restored);
    expect(existsSync(join(out, "models"))).toBe(false); // nothing was written
  });

  it("has not ended in its status before its page is written", async () => {
    const page = join(out, "attribution.html");
    rmSync(page);
    mkdirSync(join(page, "in the way"), { recursive: true });
    await expect(attribute(experiment(), out, { gradients: false })).rejects.toThrow();
    expect(JSON.parse(readFileSync(join(out, "status.json"), "utf8"))).toMatchObject({ state: "stopped" });
  });
});

describe("derivatives of a tuning", () => {
  it("are those of its tensors, whether kernels that train take them or ordinary operations", async () => {
    const rows = [{ inputIds: [1, 294, 201, 57, 84, 833, 267, 645, 28], promptLength: 5 }];
    const tuned = `${demo}model+${demo}adapters/seed-42`;
    const [byKernels] = await derivativesOf(`${demo}model`, tuned, [{ rows, at: 0.5 }], { threads: 1 });
    const { tensors } = await coefficientGradients(`${demo}model`, tuned, rows, { at: 0.5, threads: 1 });
    const changed = tensors.filter(({ gradient }) => gradient !== 0);
    expect([...(byKernels?.keys() ?? [])].sort()).toEqual(changed.map(({ name }) => name).sort());
    const size = Math.hypot(...changed.map(({ gradient }) => gradient)) / Math.sqrt(changed.length);
    for (const { name, gradient } of changed) {
      const error = Math.abs((byKernels?.get(name) as number) - gradient);
      expect(error / Math.max(Math.abs(gradient), 0.1 * size), name).toBeLessThan(1e-4);
    }
  });
});

describe("the agreement of two ways to attribute", () => {
  const one = (asrChange: number, scoreChange: number) => {
    const of = (value: number) => ({ value, low: value, high: value });
    return { asr: { value: 0 }, score: { value: 0 }, asrChange: of(asrChange), scoreChange: of(scoreChange) };
  };
  const restored = [one(-0.4, 0), one(-0.1, -0.2), one(0, -0.5)];

  it("is 1 where derivatives rank groups as taking them back does, for refusals and for the task", () => {
    const gradients = [
      { refusals: 3, task: 0.1 },
      { refusals: 2, task: -1 },
      { refusals: -1, task: -2 },
    ];
    expect(agreementOf(restored, gradients, "high").map(({ of, correlation }) => [of, correlation])).toEqual([
      ["refusals", 1],
      ["task", 1],
    ]);
    // a score that should fall: what rises when a group is taken back was learned there
    const [, task] = agreementOf(restored, gradients, "low");
    expect(task?.correlation).toBe(-1);
  });

  it("is none where derivatives were not taken, and unknown where they are all the same", () => {
    expect(agreementOf(restored, undefined, "high")).toEqual([]);
    const same = restored.map(() => ({ refusals: 1, task: 1 }));
    for (const { correlation } of agreementOf(restored, same, "high")) expect(correlation).toBeUndefined();
  });
});
