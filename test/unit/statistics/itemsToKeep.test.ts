// How many items it takes to show that a share of a skill is kept: beside the bound itself, on drawn items. Seeded.

import { describe, expect, it } from "vitest";
import { itemsToKeep } from "../../../lib/statistics/itemsToKeep.js";
import { pairedDifference } from "../../../lib/statistics/pairedDifference.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";
import { casesOf } from "../../long.js";

/** Whether the rule would find that a merge keeps the share. */
const keeps = (aligned: readonly number[], merged: readonly number[], share: number, level = 0.95) =>
  pairedDifference([aligned], [merged], { side: "lower", factor: share, level }).low >= 0;

const right = (n: number, rate: number) => Array.from({ length: n }, (_, at) => (at < Math.round(n * rate) ? 1 : 0));

describe("itemsToKeep", () => {
  it.each([
    [0.9, 0.6, 0.95],
    [0.9, 0.9, 0.975],
    [0.8, 0.3, 0.95],
    [0.95, 1, 0.95],
  ])("%d of %d at %d: with fewer items no merge passes, even one that answers alike", (share, rate, level) => {
    const { noneDiscordant: n } = itemsToKeep({ share, rate, level });
    // where rounding gives the aligned model about the share of right items
    const near = (of: number) => keeps(right(of, rate), right(of, rate), share, level);
    expect([near(Math.ceil(1.1 * n) + 2), near(Math.floor(0.9 * n) - 2)]).toEqual([true, false]);
  });

  const cases = [
    { share: 0.9, rate: 0.6, discordant: 0.1 },
    { share: 0.8, rate: 0.3, discordant: 0.1 },
    { share: 0.9, rate: 0.9, discordant: 0.05 },
    { share: 0.95, rate: 0.8, discordant: 0.1 },
  ];
  it.each(casesOf(cases, cases.slice(0, 1)))(
    "is the number with which a merge that is as good passes in 80 of 100 runs: $share of $rate, $discordant differ",
    ({ share, rate, discordant }) => {
      const { equallyGood: n } = itemsToKeep({ share, rate, discordant });
      const random = seededRandom(n);
      const draw = () => random(2 ** 30) / 2 ** 30;
      const aligned = right(n, rate);
      const runs = casesOf([600], [300])[0] as number;
      let passed = 0;
      for (let run = 0; run < runs; run++) {
        const merged = aligned.map((one) => {
          const chance = discordant / 2 / (one === 1 ? rate : 1 - rate);
          return draw() < chance ? 1 - one : one;
        });
        if (keeps(aligned, merged, share)) passed += 1;
      }
      // power rises in teeth of some points, and 300 runs have a standard error of 2.3 points
      expect(passed / runs).toBeGreaterThan(0.75);
      expect(passed / runs).toBeLessThan(0.88);
    },
  );

  it("takes the normal distribution for thousands of items, about where the count ends", () => {
    const counted = itemsToKeep({ share: 0.957, rate: 0.6 }).equallyGood;
    const beyond = itemsToKeep({ share: 0.964, rate: 0.6 }).equallyGood;
    expect([counted < 1000, beyond > 1000]).toEqual([true, true]);
    expect(beyond / counted / (0.043 / 0.036) ** 2).toBeCloseTo(1, 1);
    expect(itemsToKeep({ share: 0.98, rate: 0.6 }).equallyGood).toBeGreaterThan(4000);
  });

  it("grows with what differs, the power and the level, and falls where less is to be kept", () => {
    const needed = (more: object) => itemsToKeep({ share: 0.9, rate: 0.5, ...more }).equallyGood;
    expect(needed({ discordant: 0.2 })).toBeGreaterThan(needed({}));
    expect(needed({ power: 0.95 })).toBeGreaterThan(needed({}));
    expect(needed({ level: 0.99 })).toBeGreaterThan(needed({}));
    expect(needed({ share: 0.8 })).toBeLessThan(needed({}));
    expect(needed({ rate: 0.8 })).toBeLessThan(needed({}));
    expect(itemsToKeep({ share: 0.9, rate: 1 })).toMatchObject({
      equallyGood: itemsToKeep({ share: 0.9, rate: 1 }).noneDiscordant,
    });
  });

  it("refuses shares that are none, and to keep all of it", () => {
    for (const wrong of [
      { share: 1 },
      { share: 0 },
      { rate: 0 },
      { rate: 2 },
      { level: 95 },
      { power: 1 },
      { discordant: -1 },
    ]) {
      expect(() => itemsToKeep({ share: 0.9, rate: 0.5, ...wrong })).toThrow(/no number of items follows/);
    }
  });
});
