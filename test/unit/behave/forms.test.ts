// The forms in which people get a model, beside the model that was tested: GGUF files, quantised safetensors, adapters on a base; as they
// should be, and with a fault planted in them.

import { describe, expect, it } from "vitest";
import { compareBehaviour } from "../../../lib/behave/compareBehaviour.js";
import { BUILT_IN_PROMPTS } from "../../../lib/behave/prompts.js";
import type { BehaviourReport, BehaviourSource } from "../../../lib/behave/types.js";
import type { MergeOptions } from "../../../lib/merge/options.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { casesOf, long } from "../../long.js";
import {
  BASE,
  inEightBits,
  inForm,
  OTHER_TEMPLATE,
  scaled,
  TESTED,
  withConfig,
  withTemplate,
} from "./plantedModels.js";

const prompts = BUILT_IN_PROMPTS.filter(({ id }) => ["fact", "system"].includes(String(id)));

/** Models are run in the long form; files say the same. */
function compared(a: BehaviourSource, b: BehaviourSource, tolerance?: number): Promise<BehaviourReport> {
  return compareBehaviour(a, b, { prompts, maxNewTokens: 4, engine: "native", threads: 1, ask: long, tolerance });
}

const whole = (model: string): Recipe => ({ merge_method: "passthrough", models: [{ model }] });
const linear: Recipe = { merge_method: "linear", models: [{ model: BASE }, { model: TESTED }] };
const gguf = (model: string, quantise?: MergeOptions["quantise"]) =>
  inForm(whole(model), { format: "gguf", ...(quantise && { quantise }) });
const adapterAt = async (lambda: number) => `${BASE}+${await inForm(linear, { format: "adapter", lambda })}`;
const namesOf = ({ causes }: BehaviourReport) => causes.map(({ name }) => name);

describe("a GGUF file beside the model that was tested", () => {
  it.runIf(long)("in the model's own number format is the same", async () => {
    const report = await compared(TESTED, await gguf(TESTED));
    expect(report).toMatchObject({ verdict: "same", causes: [], b: { storage: "BF16" } });
    expect(report.weights?.line?.scale).toBeCloseTo(1, 4);
  });

  const TYPES = [
    ["q8_0", "quantisation", 0.01],
    ["q4_k_m", "quantisation", 0.1],
  ] as const;
  it.runIf(long).each(TYPES)("as %s differs by %s, within what its bits allow", async (quantise, cause, tolerance) => {
    const file = await gguf(TESTED, quantise);
    const report = await compared(TESTED, file, tolerance);
    expect([report.verdict, namesOf(report)]).toEqual(["within tolerance", [cause]]);
    expect(report.weights?.line?.scale).toBeCloseTo(1, 2);
    // and no more than it moves is excused
    const moved = Math.max(report.firstToken?.klMean ?? 0, report.sameTokens?.klMean ?? 0);
    expect(moved).toBeGreaterThan(0);
  });

  const FAULTS = [
    ["in which the adapter is twice", "adapter-applied-twice", () => scaled(2)],
    ["with another template", "chat-template", async () => withTemplate(OTHER_TEMPLATE, await scaled(1))],
    ["with other angles of positions", "rope", async () => withConfig({ rope_theta: 500_000 }, await scaled(1))],
  ] as const;
  it.each(casesOf(FAULTS, FAULTS.slice(0, 1)))("%s: named, beside the quantisation", async (_what, cause, faulty) => {
    const report = await compared(TESTED, await gguf(await faulty(), "q8_0"), 0.01);
    expect(report.verdict).toBe("different");
    expect(namesOf(report)[0]).toBe(cause);
    expect(namesOf(report)).toContain("quantisation");
  });

  it.runIf(long)("of a merge at another lambda, which the fit finds", async () => {
    const file = await inForm(linear, { format: "gguf", quantise: "q8_0", lambda: 0.6 });
    const report = await compared({ recipe: linear, lambda: 0.4 }, file, 0.01);
    expect(namesOf(report)).toEqual(["other-lambda", "quantisation"]);
    expect(report.weights?.line?.scale).toBeCloseTo(0.6, 2);
    expect((await compared({ recipe: linear, lambda: 0.6 }, file, 0.01)).verdict).toBe("within tolerance");
  });
});

describe("an adapter on its base beside the merge that was measured", () => {
  it.runIf(long)("is the same where it was made of that merge", async () => {
    const report = await compared({ recipe: linear, lambda: 0.4 }, await adapterAt(0.4));
    expect(report).toMatchObject({ verdict: "same", causes: [], b: { kind: "adapter" } });
    expect(report.weights?.line?.scale).toBeCloseTo(0.4, 6);
  });

  it.runIf(long)("of another lambda is named, beside a recipe and beside written files", async () => {
    const adapter = await adapterAt(0.6);
    expect(namesOf(await compared({ recipe: linear, lambda: 0.4 }, adapter))).toEqual(["other-lambda"]);
    // whose files lie on the adapter's line at two thirds of it
    const report = await compared(await inForm(linear, { lambda: 0.4 }), adapter);
    expect(namesOf(report)).toEqual(["adapter-scale"]);
    expect(report.weights?.line?.scale).toBeCloseTo(2 / 3, 2);
  });
});

describe("quantised safetensors beside the model that was tested", () => {
  const fp8 = (model: string) => inForm(whole(model), { format: "fp8" });

  const FORMATS = [
    ["INT8", inEightBits],
    ["FP8 (E4M3)", fp8],
  ] as const;
  it.each(casesOf(FORMATS, FORMATS.slice(1)))(
    "as %s differ by quantisation, within what eight bits allow",
    async (storage, made) => {
      const report = await compared(TESTED, await made(await scaled(1)), 0.01);
      expect([report.b.storage, namesOf(report)]).toEqual([storage, ["quantisation"]]);
      expect(report.causes[0]?.summary).toContain(storage);
      expect(report.weights?.line?.scale).toBeCloseTo(1, 2);
      expect(report.verdict).toBe(long ? "within tolerance" : "different");
    },
  );

  it.runIf(long)("in which a fault is: named, beside the quantisation", async () => {
    const twice = await compared(TESTED, await fp8(await scaled(2)), 0.01);
    expect([twice.verdict, namesOf(twice)]).toEqual(["different", ["adapter-applied-twice", "quantisation"]]);
  });
});
