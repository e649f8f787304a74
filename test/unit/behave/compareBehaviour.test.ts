// Faults between the model that was tested and the one that people get, planted one by one: each is named, and nothing else; and
// pairs without a fault.

import { describe, expect, it } from "vitest";
import { compareBehaviour } from "../../../lib/behave/compareBehaviour.js";
import { BUILT_IN_PROMPTS } from "../../../lib/behave/prompts.js";
import type { BehaviourReport, BehaviourSource, CauseName } from "../../../lib/behave/types.js";
import { RetemperError } from "../../../lib/errors.js";
import { keywordJudge } from "../../../lib/evaluate/judges/keywordJudge.js";
import { casesOf, long } from "../../long.js";
import {
  ADAPTER,
  asDtype,
  BASE,
  copyOf,
  inFourBits,
  OTHER_ADAPTER,
  OTHER_TEMPLATE,
  otherBase,
  scaled,
  TESTED,
  WITH_BOS,
  WITH_TWO_BOS,
  WITHOUT_SYSTEM,
  withAddedBos,
  withConfig,
  withGeneration,
  withHead,
  withTemplate,
  withTensors,
  written,
} from "./plantedModels.js";

const prompts = BUILT_IN_PROMPTS.filter(({ id }) => ["fact", "system", "turns", "text"].includes(String(id)));

/** Models are run in the long form; files say the same. */
function compared(a: BehaviourSource, b: BehaviourSource, ask = long): Promise<BehaviourReport> {
  return compareBehaviour(a, b, { prompts, maxNewTokens: 6, engine: "native", threads: 1, ask });
}

type Fault = readonly [what: string, cause: CauseName, a: () => BehaviourSource, b: () => Promise<string> | string];

const linear = { merge_method: "linear", models: [{ model: BASE }, { model: TESTED }] };
const FAULTS: readonly Fault[] = [
  ["another template", "chat-template", () => BASE, () => withTemplate(OTHER_TEMPLATE)],
  ["a template that drops system text", "system-text-dropped", () => BASE, () => withTemplate(WITHOUT_SYSTEM)],
  ["a token before every text", "bos", () => BASE, () => withAddedBos()],
  ["a token before every conversation", "bos", () => BASE, () => withTemplate(WITH_BOS)],
  ["a token by template and tokenizer", "doubled-bos", () => BASE, () => withAddedBos(withTemplate(WITH_BOS))],
  ["a template with the token twice", "doubled-bos", () => withTemplate(WITH_BOS), () => withTemplate(WITH_TWO_BOS)],
  ["an adapter that is missing", "adapter-not-applied", () => TESTED, () => copyOf(BASE)],
  ["an adapter that was applied twice", "adapter-applied-twice", () => TESTED, () => scaled(2)],
  ["an adapter at half its scale", "adapter-scale", () => TESTED, () => scaled(0.5)],
  ["an adapter merged into another base", "other-base", () => TESTED, async () => scaled(1, await otherBase())],
  ["an adapter over another base", "other-base", () => TESTED, async () => `${await otherBase()}+${ADAPTER}`],
  [
    "an adapter over a base with another adapter in it",
    "other-base",
    () => TESTED,
    async () => `${await asDtype("bfloat16", `${BASE}+${OTHER_ADAPTER}`)}+${ADAPTER}`,
  ],
  ["another checkpoint", "other-weights", () => BASE, () => otherBase()],
  ["float16 for bfloat16", "dtype", () => BASE, () => asDtype("float16", BASE)],
  ["four bits", "quantisation", () => BASE, () => inFourBits(BASE)],
  ["four bits under an adapter", "quantisation", () => TESTED, async () => inFourBits(await scaled(1))],
  ["other angles of positions", "rope", () => BASE, () => withConfig({ rope_theta: 500_000 })],
  [
    "positions that are scaled",
    "rope",
    () => BASE,
    () => withConfig({ rope_scaling: { rope_type: "linear", factor: 2 } }),
  ],
  ["another norm", "configuration", () => BASE, () => withConfig({ rms_norm_eps: 1e-3 })],
  ["another stop token", "stop-tokens", () => BASE, () => withGeneration({ eos_token_id: 0 })],
  ["drawing by default", "sampling-defaults", () => BASE, () => withGeneration({ do_sample: true, temperature: 0.7 })],
  ["a merge at another lambda", "other-lambda", () => ({ recipe: linear, lambda: 0.4 }), () => atLambda(0.6)],
];

function atLambda(lambda: number): Promise<string> {
  const models = [
    { model: BASE, parameters: { weight: 1 - lambda } },
    { model: TESTED, parameters: { weight: lambda } },
  ];
  return written({ ...linear, models });
}

describe("compareBehaviour names the cause", () => {
  const few = FAULTS.filter(([, cause]) => ["chat-template", "adapter-applied-twice"].includes(cause));
  it.each(casesOf(FAULTS, few))("of %s: %s", async (_what, cause, a, b) => {
    const report = await compared(a(), await b());
    expect(report.causes.map(({ name }) => name)).toEqual([cause]);
    const [found] = report.causes;
    expect(found?.evidence.length).toBeGreaterThan(0);
    const excused = found?.numeric === true && (report.sameTokens?.klMean ?? 1) <= report.tolerance;
    expect(report.verdict).toBe(excused ? "within tolerance" : "different");
  });

  it.runIf(long)("of a head that was lost, and of a configuration that hides it", async () => {
    const { untied, tied } = withHead();
    expect((await compared(untied, tied)).causes.map(({ name }) => name)).toEqual(["tied-head"]);
    const hidden = await compared(untied, withConfig({ tie_word_embeddings: true }, untied), false);
    expect(hidden.causes.map(({ name, sure }) => [name, sure])).toEqual([["tied-head", "likely"]]);
  });

  it.runIf(long)("of values that went through bfloat16 and are stored as float32", async () => {
    const rounded = withTensors(await asDtype("bfloat16", TESTED), (tensor) => [tensor]);
    const { causes } = await compared(await asDtype("float32", TESTED), rounded);
    expect(causes.map(({ name }) => name)).toEqual(["dtype"]);
    expect(causes[0]?.evidence.join()).toContain("all values of B that were looked at are exactly those of BF16");
  });

  it("of four bits without asking, which no tolerance excuses", async () => {
    const { causes, verdict } = await compared(BASE, inFourBits(BASE), false);
    expect([causes.map(({ name }) => name), verdict]).toEqual([["quantisation"], "different"]);
  });

  it.runIf(long)("of two faults at once, both", async () => {
    const { causes } = await compared(TESTED, withConfig({ rope_theta: 20_000 }, await scaled(2)));
    expect(causes.map(({ name }) => name).sort()).toEqual(["adapter-applied-twice", "rope"]);
  });
});

describe("compareBehaviour finds no cause", () => {
  it("between a model and its copy, whose answers it runs and finds the same", async () => {
    const report = await compared(BASE, copyOf(BASE), true);
    expect(report).toMatchObject({
      verdict: "same",
      causes: [],
      firstToken: { klMean: 0, top1: 1, positions: prompts.length },
      sameTokens: { klMean: 0, top1: 1 },
      answers: { same: prompts.length, compared: prompts.length },
      text: { same: prompts.length },
      weights: { distance: 0 },
    });
  });

  it("between an adapter on its base and the merge that was written of it, rounding left aside", async () => {
    const report = await compared(TESTED, await written({ merge_method: "passthrough", models: [{ model: TESTED }] }));
    expect(report).toMatchObject({ verdict: "same", causes: [] });
    expect(report.weights?.line?.scale).toBeCloseTo(1, 4);
  });

  it.runIf(long)("where more special tokens end an answer, and none ends one early", async () => {
    expect((await compared(BASE, withGeneration({ eos_token_id: [2, 0] }))).causes).toEqual([]);
  });

  it.runIf(long)("in other words for the same settings", async () => {
    const same = copyOf(
      withConfig({ rope_theta: 10_000, rope_scaling: null, transformers_version: "9", use_cache: false }),
      { "generation_config.json": (before) => ({ ...before, temperature: 1, top_p: 1 }) },
    );
    expect((await compared(BASE, same, false)).causes).toEqual([]);
  });

  it.runIf(long)("between a merge at a lambda that is not written and the written one", async () => {
    const report = await compared({ recipe: linear, lambda: 0.6 }, await atLambda(0.6));
    expect(report).toMatchObject({ verdict: expect.stringMatching(/same|within/), causes: [] });
  });
});

describe("a report of behaviour", () => {
  it.runIf(long)(
    "measures the fault: distributions, the first token that parts with the text around it, verdicts",
    async () => {
      const report = await compareBehaviour(TESTED, BASE, {
        prompts,
        maxNewTokens: 6,
        engine: "native",
        judges: [keywordJudge({ phrases: ["order("] })],
      });
      expect(report.firstToken?.klMean).toBeGreaterThan(0.1);
      const [parting] = report.answers.divergences;
      expect(parting?.a).not.toBe(parting?.b);
      expect(report.verdicts[0]?.compared).toBe(prompts.length);
      expect(report.a).toMatchObject({ kind: "adapter", engine: { engine: "native" } });
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    },
  );

  it("is refused for options that cannot be", async () => {
    for (const options of [{ prompts: [] }, { maxNewTokens: 0 }, { tolerance: Number.NaN }]) {
      await expect(compareBehaviour(BASE, BASE, options)).rejects.toMatchObject({ code: "USAGE" });
    }
    for (const source of ["http://localhost:1/v1", `${BASE}@lambda=x`]) {
      await expect(compareBehaviour(BASE, source)).rejects.toBeInstanceOf(RetemperError);
    }
  });
});
