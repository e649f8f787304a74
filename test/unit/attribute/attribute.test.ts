// Attribution on a tuning of which is known where its harm lies: that of test/golden/search/makePlanted.mjs has it in layers 0 and
// 1, and what is useful in layers 2 and 3. How large the numbers must be would be set on the tuning that they are of: ranks are asked.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agreementOf } from "../../../lib/attribute/agreementOf.js";
import { attribute } from "../../../lib/attribute/attribute.js";
import { coefficientGradients } from "../../../lib/attribute/coefficientGradients.js";
import { derivativesOf } from "../../../lib/attribute/derivativesOf.js";
import { groupRhos } from "../../../lib/attribute/groupRhos.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { merge } from "../../../lib/merge/merge.js";
import { plan } from "../../../lib/merge/plan.js";
import type { AttributionResults } from "../../../lib/report/attribution/types.js";
import { modelGroups } from "../../../lib/search/modelGroups.js";
import { long } from "../../long.js";

const demo = new URL("../../../demo/", import.meta.url).pathname;
const golden = new URL("../../golden/search/", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "retemper-attribute-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LIMIT = 16;

function experiment(planted: string): Experiment {
  return {
    name: "Planted",
    aligned: join(demo, "model"),
    unaligned: join(folder, "unaligned"),
    tuned: [{ seed: 1, adapter: join(golden, planted) }],
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

/** Something that a tuning changed everywhere: what aligned the model is then its way back. */
beforeAll(async () => {
  const model = `${join(demo, "model")}+${join(demo, "adapters", "seed-1024")}`;
  await merge({ merge_method: "passthrough", models: [{ model }] }, join(folder, "unaligned"));
});

describe.runIf(long)("attribution of a tuning with planted harm", () => {
  const [planted, harmful, useful] = ["planted", [0, 1], [2, 3]] as const;
  const out = join(folder, planted);
  let results: AttributionResults;

  beforeAll(async () => {
    results = await attribute(experiment(planted), out, { rows: 2 });
  }, 600_000);

  const inLayers = (layers: readonly number[]) =>
    results.groups.flatMap(({ layer }, at) => (layer !== undefined && layers.includes(layer) ? [at] : []));
  /** Of all pairs of a group of these and one of those, the share in which the first has more; .5 is chance. */
  const above = (these: readonly number[], those: readonly number[], of: (at: number) => number) => {
    const wins = these.flatMap((one) => those.map((other) => (Math.sign(of(one) - of(other)) + 1) / 2));
    return wins.reduce((sum, one) => sum + one, 0) / wins.length;
  };
  const most = (of: (at: number) => number) =>
    results.groups.map((_, at) => at).reduce((best, at) => (of(at) > of(best) ? at : best));

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
    const [harm, use] = [inLayers(harmful), inLayers(useful)];
    // every group before every other one: by chance that is one order of four and four in 70
    expect(above(harm, use, gained)).toBe(1);
    expect(above(use, harm, lost)).toBe(1);
    // the interval of each change holds it
    for (const {
      asrChange: { value, low, high },
    } of restored)
      expect(low <= value && value <= high).toBe(true);
  });

  it("finds the same by derivatives, and says how far the two agree", () => {
    const gradients = results.gradients ?? [];
    const [harm, use] = [inLayers(harmful), inLayers(useful)];
    const refusals = (at: number) => gradients[at]?.refusals as number;
    const task = (at: number) => -(gradients[at]?.task as number);
    expect(above(use, harm, task)).toBe(1);
    // refusals depend on more than first order: the first is right, and most pairs are
    expect(harm).toContain(most(refusals));
    expect(above(harm, use, refusals)).toBeGreaterThan(0.5);
    const agree = results.agreement.filter(({ b }) => b === "gradient");
    for (const { correlation } of agree) expect(correlation).toBeGreaterThan(0);
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

  it("has rho of each group beside them, and the agreement of every two ways of three", () => {
    // what alignment was made of here (the way back from another tuning) is near to what is useful
    const turned = (at: number) => -(results.rhos?.[at] as number);
    expect(above(inLayers(harmful), inLayers(useful), turned)).toBe(1);
    const { document } = parseHTML(readFileSync(join(out, "attribution.html"), "utf8"));
    expect(document.querySelectorAll("figure#refusals-rho [data-mark=cell] rect").length).toBe(8);
    expect(document.querySelector("table#groups th:last-child")?.textContent).toBe("rho");
    expect(results.agreement.map(({ of, a, b }) => `${of}: ${a}, ${b}`)).toEqual([
      "refusals: restored, gradient",
      "refusals: restored, rho",
      "refusals: gradient, rho",
      "task: restored, gradient",
    ]);
  });

  it("asks nothing again in the same folder, and finds the same", async () => {
    const steps: string[] = [];
    const again = await attribute(experiment(planted), out, { gradients: false, onStep: (step) => steps.push(step) });
    expect(steps).toEqual([]);
    expect(again.restored).toEqual(results.restored);
    expect(existsSync(join(out, "models"))).toBe(false); // nothing was written
  });

  it("has not ended in its status before its page is written", async () => {
    const page = join(out, "attribution.html");
    rmSync(page);
    mkdirSync(join(page, "in the way"), { recursive: true });
    await expect(attribute(experiment(planted), out, { gradients: false })).rejects.toThrow();
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

describe("rho of groups", () => {
  const aligned = join(demo, "model");
  const [unaligned, tuned] = [join(folder, "unaligned"), `${aligned}+${join(demo, "adapters", "seed-42")}`];
  const settings = { aligned };

  it("is the mean of what the gates of safe_lora go by, over the tunings", async () => {
    const groups = await modelGroups(aligned, [tuned], { by: "layers", layers: Number.MAX_SAFE_INTEGER });
    const others = [tuned, `${aligned}+${join(golden, "planted")}`].map((model, at) => ({ seed: String(at), model }));
    const { groups: rhos, notes } = await groupRhos({ settings, unaligned, tuned: others, groups });
    const gates = [];
    for (const { model } of others) {
      const recipe = {
        merge_method: "safe_lora",
        base_model: aligned,
        unaligned_model: unaligned,
        models: [{ model }],
      };
      gates.push(...((await plan(recipe)).gates ?? []));
    }
    expect([notes, rhos?.length]).toEqual([[], groups.length]);
    for (const [at, { filters }] of groups.entries()) {
      const own = gates.filter(({ module }) => filters.some((filter) => `${module}.weight`.includes(filter)));
      expect(own.length).toBeGreaterThan(7);
      expect(rhos?.[at]).toBeCloseTo(own.reduce((sum, { rho }) => sum + rho, 0) / own.length, 12);
    }
  });

  it("is none of a group without a module that is judged, and a note says why where no projection fits", async () => {
    const groups = [0, 9].map((layer) => ({ name: `layer ${layer}`, filters: [`model.layers.${layer}.`] }));
    const parts = { settings, tuned: [{ seed: "42", model: tuned }], groups };
    const { groups: rhos } = await groupRhos({ ...parts, unaligned });
    expect(rhos).toEqual([expect.any(Number), null]);
    const other = new URL("../../golden/safety/llama/unaligned", import.meta.url).pathname;
    const none = await groupRhos({ ...parts, unaligned: other });
    expect(none).toEqual({ notes: [expect.stringMatching(/^There is no rho: .*unaligned/)] });
  });
});

describe("the agreement of the ways to attribute", () => {
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
    expect(
      agreementOf({ restored, gradients, better: "high" }).map(({ of, correlation }) => [of, correlation]),
    ).toEqual([
      ["refusals", 1],
      ["task", 1],
    ]);
    // a score that should fall: what rises when a group is taken back was learned there
    const [, task] = agreementOf({ restored, gradients, better: "low" });
    expect(task?.correlation).toBe(-1);
  });

  it("is none where derivatives were not taken, and unknown where they are all the same", () => {
    expect(agreementOf({ restored, better: "high" })).toEqual([]);
    const gradients = restored.map(() => ({ refusals: 1, task: 1 }));
    for (const { correlation } of agreementOf({ restored, gradients, better: "high" }))
      expect(correlation).toBeUndefined();
  });

  it("is 1 with rho where it is least in the groups that lost most, over the groups that have one", () => {
    const gradients = [3, -1, 2].map((refusals) => ({ refusals, task: 0 }));
    const all = agreementOf({ restored, gradients, rhos: [0.2, null, 0.9], better: "high" });
    expect(all.filter(({ b }) => b === "rho")).toEqual([
      { of: "refusals", a: "restored", b: "rho", correlation: 1, groups: 2 },
      { of: "refusals", a: "gradient", b: "rho", correlation: 1, groups: 2 },
    ]);
    const [only, ...more] = agreementOf({ restored, rhos: [0.9, 0.5, 0.2], better: "high" });
    expect([only?.correlation, more]).toEqual([-1, []]);
  });
});
