// Places of further variants: who gets which, who waits, and what is set again.

import { describe, expect, it } from "vitest";
import { VariantPlaces } from "../../../../lib/generate/worker/variantPlaces.js";

const at = (...lambdas: number[]) => lambdas.map((lambda) => ({ point: { lambda }, whose: { lambda } }));

/** With what was set, as `variant: lambda`. */
function places(
  limits: { most: number; remembered: number },
  fail: (lambda: number) => Promise<void> = async () => {},
) {
  const set: string[] = [];
  const all = new VariantPlaces(
    2,
    (variant, point) => {
      const lambda = (point as { lambda: number }).lambda;
      set.push(`${variant}: ${lambda}`);
      return fail(lambda);
    },
    limits,
  );
  return { all, set };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("places", () => {
  it("begin after the variants that the model was opened with, and are set once", async () => {
    const { all, set } = places({ most: 4, remembered: 4 });
    const held = await all.hold([...at(0.1, 0.2), { variant: 1, whose: { lambda: 0.5 } }, ...at(0.1)]);
    expect(held.variants).toEqual([2, 3, 1, 2]);
    const again = await all.hold(at(0.2));
    expect(again.variants).toEqual([3]);
    expect(set).toEqual(["2: 0.1", "3: 0.2"]);
  });

  it("are taken from the value that was of no use for longest", async () => {
    const { all, set } = places({ most: 3, remembered: 3 });
    for (const lambda of [0.1, 0.2, 0.3, 0.1, 0.4, 0.2, 0.1]) (await all.hold(at(lambda))).release();
    // 0.4 takes 0.2's, 0.2 takes 0.3's, and 0.1 is still there.
    expect(set).toEqual(["2: 0.1", "3: 0.2", "4: 0.3", "3: 0.4", "4: 0.2"]);
  });

  it("grow no further than what is remembered, while nothing is in work", async () => {
    const { all, set } = places({ most: 100, remembered: 2 });
    for (let i = 0; i < 10; i++) (await all.hold(at(i))).release();
    expect(new Set(set.map((one) => one.split(":")[0]))).toEqual(new Set(["2", "3"]));
  });

  it("are not taken from calls in work: who needs more waits for his turn, or leaves it", async () => {
    const { all, set } = places({ most: 2, remembered: 2 });
    const first = await all.hold(at(0.1, 0.2));
    const order: number[] = [];
    const leave = new AbortController();
    const second = all.hold(at(0.3), leave.signal);
    const third = all.hold(at(0.4)).then((held) => {
      order.push(0.4);
      return held;
    });
    const fourth = all.hold(at(0.1)).then(() => order.push(0.1)); // is there, but others were before it
    await turn();
    expect(set).toHaveLength(2);
    const reason = new Error("enough");
    leave.abort(reason);
    await expect(second).rejects.toBe(reason);
    await turn();
    expect(order).toEqual([]);
    first.release();
    await Promise.all([third, fourth]);
    expect(order).toEqual([0.4, 0.1]);
    expect(set).toEqual(["2: 0.1", "3: 0.2", "2: 0.4", "3: 0.1"]);
    await expect(all.hold(at(0.1, 0.2, 0.3))).rejects.toMatchObject({ code: "USAGE" });
  });

  it("are free again where a value could not be set, and it is tried again", async () => {
    const bad = new Error("no");
    let broken = true;
    const { all, set } = places({ most: 1, remembered: 1 }, async (lambda) => {
      if (broken && lambda === 0.1) throw bad;
    });
    const held = await all.hold(at(0.1));
    await turn();
    held.release();
    broken = false;
    (await all.hold(at(0.1))).release();
    (await all.hold(at(0.1))).release();
    expect(set).toEqual(["2: 0.1", "2: 0.1"]);
  });

  it("leave the process its turns while many values are planned", async () => {
    const { all, set } = places({ most: 64, remembered: 64 });
    const seen: number[] = [];
    const held = all.hold(at(...Array.from({ length: 64 }, (_, i) => i / 64)));
    while (set.length < 64) {
      await turn();
      seen.push(set.length);
    }
    expect((await held).variants).toHaveLength(64);
    expect(new Set(seen).size).toBeGreaterThan(32); // no turn had to wait for many of them
  });

  it("are given back where a value cannot be planned", async () => {
    const all = new VariantPlaces(
      1,
      (_variant, point) => {
        if ((point as { lambda: number }).lambda === 0.9) throw new RangeError("no such merge");
        return Promise.resolve();
      },
      { most: 2, remembered: 2 },
    );
    await expect(all.hold(at(0.1, 0.9))).rejects.toThrow("no such merge");
    expect((await all.hold(at(0.2, 0.3))).variants.toSorted()).toEqual([1, 2]);
  });
});
