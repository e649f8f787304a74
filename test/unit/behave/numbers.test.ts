// Divergences of coarse distributions, fits from distances, marks of earlier formats.

import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { coarse, divergence, over } from "../../../lib/behave/numbers/coarse.js";
import { compareAnswers } from "../../../lib/behave/numbers/compareAnswers.js";
import { fitChanges, fitLine } from "../../../lib/behave/weights/fitLine.js";
import type { MeasuredTensor } from "../../../lib/behave/weights/measureTensors.js";
import { measureTensors } from "../../../lib/behave/weights/measureTensors.js";
import { storedAs } from "../../../lib/behave/weights/storedAs.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { wordStream } from "../../../lib/random/wordStream.js";
import { BASE, inFourBits, TESTED, withTensors } from "./plantedModels.js";

const words = wordStream("numbers of behaviour");
const uniform = (): number => words() / 2 ** 32 - 0.5;

function softmax(logits: Float32Array): number[] {
  const exps = [...logits].map((value) => Math.exp(value));
  const sum = exps.reduce((total, value) => total + value, 0);
  return exps.map((value) => value / sum);
}

describe("a coarse distribution", () => {
  const a = Float32Array.from({ length: 50 }, () => 6 * uniform());
  const b = Float32Array.from({ length: 50 }, () => 6 * uniform());
  const whole = softmax(a).reduce((sum, p, at) => sum + p * Math.log(p / (softmax(b)[at] as number)), 0);

  it("that keeps all tokens has the divergence of the whole distributions", () => {
    const kept = coarse(a, 50);
    expect(divergence(kept, over(kept.ids, b))).toBeCloseTo(whole, 6);
    expect(divergence(kept, kept)).toBe(0);
  });

  it("never has more than the whole, and nearly as much with the likeliest tokens", () => {
    for (const kept of [1, 5, 20]) {
      const few = coarse(a, kept);
      expect(divergence(few, over(few.ids, b))).toBeLessThanOrEqual(whole + 1e-9);
    }
    const most = coarse(a, 30);
    expect(divergence(most, over(most.ids, b))).toBeGreaterThan(0.9 * whole);
  });

  it("names the likeliest tokens first, equal ones by their ids", () => {
    expect([...coarse(Float32Array.of(1, 3, 3, 0, 2), 3).ids]).toEqual([1, 2, 4]);
  });

  it("takes a token that the other model does not have as impossible", () => {
    const kept = coarse(Float32Array.of(1, 2, 3), 3);
    expect(divergence(kept, over(kept.ids, Float32Array.of(1, 2)))).toBeGreaterThan(10);
  });
});

/** Tensors of which only distances are told, as the engine does. */
function measured(models: readonly (readonly number[])[]): MeasuredTensor {
  const squares = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, at) => sum + (value - (y[at] as number)) ** 2, 0);
  const zero = models[0]?.map(() => 0) ?? [];
  return {
    name: "w",
    elements: zero.length,
    distance2: (i, j) => squares(models[i] as number[], models[j] as number[]),
    norm2: (i) => squares(models[i] as number[], zero),
  };
}

describe("a fit from distances alone", () => {
  const size = 400;
  const vector = (scale = 1) => Array.from({ length: size }, () => scale * uniform());
  const plus = (x: readonly number[], y: readonly number[], by = 1) =>
    x.map((value, at) => value + by * (y[at] as number));
  const origin = vector();
  const change = vector(0.1);

  it("finds the scale of a change and its error, which holds the truth", () => {
    let inside = 0;
    for (let run = 0; run < 300; run++) {
      const other = plus(plus(origin, change, 1.7), vector(0.01));
      const fit = fitLine(
        [measured([origin, plus(origin, change), other])],
        { origin: 0, end: 1, other: 2 },
        { what: "adapter", expected: 1 },
      );
      if (Math.abs((fit?.scale ?? 0) - 1.7) <= 2 * (fit?.error ?? 0)) inside += 1;
    }
    // 95.4 % are within two standard errors.
    expect(inside / 300).toBeGreaterThan(0.91);
    expect(inside / 300).toBeLessThan(0.99);
  });

  it("tells what is untouched", () => {
    const still = measured([origin, origin, plus(origin, vector(0.2))]);
    const moved = measured([origin, plus(origin, change), plus(origin, change)]);
    const fit = fitLine([still, moved], { origin: 0, end: 1, other: 2 }, { what: "adapter", expected: 1 });
    expect(fit).toMatchObject({ untouched: 1, untouchedEqual: 0 });
    expect(fit?.scale).toBeCloseTo(1, 9);
    expect(fit?.untouchedDistance).toBeCloseTo(0.2, 1);
  });

  it("tells two bases and the change over each apart", () => {
    const base = plus(origin, vector(0.5));
    const tensor = measured([plus(origin, change), plus(base, change, 2), origin, base]);
    const fit = fitChanges([tensor], { origin: 2, end: 0, otherOrigin: 3, otherEnd: 1 });
    expect(fit?.scale).toBeCloseTo(2, 9);
    expect(fit?.untouchedDistance).toBeGreaterThan(0.3);
    expect(
      fitChanges([measured([origin, base, origin, base])], { origin: 0, end: 2, otherOrigin: 1, otherEnd: 3 }),
    ).toBeUndefined();
  });
});

describe("measured tensors", () => {
  it("have the norms and distances of their values, an adapter's change in them", async () => {
    const [embedding, ...others] = await measureTensors([BASE, TESTED], {});
    expect(embedding?.distance2(0, 1)).toBe(0);
    expect(embedding?.norm2(0)).toBeGreaterThan(1);
    expect(others.some((tensor) => tensor.distance2(0, 1) > 0)).toBe(true);
    const [same] = await measureTensors([BASE, BASE], {});
    expect([same?.distance2(0, 1), same?.norm2(1)]).toEqual([0, embedding?.norm2(0)]);
  });
});

describe("values keep the marks of", () => {
  const addon = loadAddon();
  const markOf = async (folder: string) => storedAs(await openCheckpoint(folder, { addon }), addon);

  it("bfloat16 in float32, four bits by blocks, and none where there is none", async () => {
    expect(await markOf(BASE)).toBeUndefined();
    expect(await markOf(withTensors(BASE, (tensor) => [tensor]))).toBe("BF16");
    expect(await markOf(inFourBits(BASE))).toBe("4 bits");
    const noisy = withTensors(BASE, (tensor) => [{ ...tensor, values: tensor.values.map((value) => value * 1.0001) }]);
    expect(await markOf(noisy)).toBeUndefined();
  });
});

describe("answers that part", () => {
  it("are told by texts where there are no ids", () => {
    const told = (text: string) => ({ ids: [], text });
    const { same, compared, divergences } = compareAnswers(
      [told("The sea is wide."), told("Yes."), undefined],
      [told("The sea is deep."), told("Yes."), told("No.")],
      undefined,
    );
    expect([same, compared]).toEqual([1, 2]);
    expect(divergences).toEqual([{ prompt: 0, token: -1, before: "", a: "The sea is wide.", b: "The sea is deep." }]);
  });
});
