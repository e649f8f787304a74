// `npm run bench -- choice`: how often the statistics of a choice are wrong where the truth is known, by many more simulations
// than test/unit/statistics/simulations.test.ts has time for.

import { parseArgs } from "node:util";
import { crossedInterval, pairedDifference, slopeOverLambda } from "../../dist/entries/statistics.js";
import { normalQuantile } from "../../dist/statistics/normalQuantile.js";
import { tangoBound } from "../../dist/statistics/tangoBound.js";
import {
  acceptedOfAll,
  additiveTunings,
  curves,
  pairs,
  randomOf,
  share,
  thresholdTunings,
} from "../unit/statistics/simulated.mjs";
import { keepResult, table } from "./results.mjs";

const USAGE = `usage: npm run bench -- choice [--times 10000] [--no-keep]
  --times N  simulations of each case`;
const RATES = [0.02, 0.2, 0.76];
const MARGINS = [0.02, 0.05, 0.1];
const Z = normalQuantile(0.95);
const percent = (value) => `${(100 * value).toFixed(1)} %`;

/** @param {string[]} args */
export async function choice(args) {
  const { values } = parseArgs({
    args,
    options: {
      times: { type: "string", default: "10000" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const times = Number(values.times);
  const parts = [
    ["Accepted at the margin, one tuning (Tango's bound; exact sums)", oneTuning()],
    ["Accepted at the margin, three tunings (Agresti and Min's pseudo-observations)", threeTunings(times)],
    ["An equally safe merge passes (aligned rate .76, 150 items, flips as often up as down)", power(times)],
    ["Intervals of three tunings that hold the method's rate", coverage(times)],
    ["A slope of 0 called one at 5 % (150 items, neighbours correlated by .8)", slopes(times)],
  ];
  const text = parts.map(([name, [head, rows]]) => `${name}:\n\n${table(head, rows)}`).join("\n\n");
  console.log(text);
  const command = `npm run bench -- choice --times ${times}`;
  if (!values["no-keep"]) keepResult(`The statistics of a choice, ${times} simulations a case`, command, text);
}

/** The worst and the best of the cases with no, few and more flips back. */
function oneTuning() {
  const rows = [150, 520].flatMap((n) =>
    RATES.map((rate) => [
      n,
      rate,
      ...MARGINS.map((margin) => {
        const all = [0, 0.01, 0.04]
          .filter((back) => back <= rate)
          .map((back) =>
            acceptedOfAll({ n, margin, onlyFirst: back, onlySecond: back + margin }, (counts) =>
              tangoBound(counts, -Z),
            ),
          );
        return `${percent(Math.min(...all))} to ${percent(Math.max(...all))}`;
      }),
    ]),
  );
  return [["items", "aligned rate", ...MARGINS.map((margin) => `margin ${margin}`)], rows];
}

function threeTunings(times) {
  const accepted = (n, rate, margin, alike, back) => {
    const random = randomOf(n + 1000 * rate + 10 * alike);
    return share(times, () => {
      const { aligned, merged } = pairs(random, { n, rate, seeds: 3, up: margin + back, back, alike });
      return pairedDifference(aligned, merged, { side: "upper" }).high <= margin;
    });
  };
  const rows = [150, 520].flatMap((n) =>
    RATES.flatMap((rate) =>
      [0, 0.5, 1].map((alike) => [
        n,
        rate,
        alike,
        ...MARGINS.map((margin) => percent(accepted(n, rate, margin, alike, 0.01))),
      ]),
    ),
  );
  return [["items", "aligned rate", "tunings alike", ...MARGINS.map((margin) => `margin ${margin}`)], rows];
}

function power(times) {
  const rows = [0.05, 0.1].map((margin) => {
    const one = acceptedOfAll({ n: 150, margin, onlyFirst: 0.04, onlySecond: 0.04 }, (counts) =>
      tangoBound(counts, -Z),
    );
    const random = randomOf(5);
    const three = share(times, () => {
      const { aligned, merged } = pairs(random, { n: 150, rate: 0.76, seeds: 3, up: 0.04, back: 0.04, alike: 0.5 });
      return pairedDifference(aligned, merged, { side: "upper" }).high <= margin;
    });
    return [margin, percent(one), percent(three)];
  });
  return [["margin", "one tuning, 8 flips in a hundred", "three tunings"], rows];
}

function coverage(times) {
  const cases = [
    ...[0.2, 0.5, 0.76].map((rate) => ({
      name: `rates differ by .07 around ${rate}`,
      rate,
      make: (random, n) => additiveTunings(random, { rate, deviation: 0.07, n, seeds: 3 }),
    })),
    ...[0.005, 0.02, 0.2, 0.76].map((rate) => ({
      name: `thresholds differ, rate ${rate}`,
      rate,
      make: (random, n) =>
        thresholdTunings(random, { centre: normalQuantile(rate), ofItems: 1, ofSeeds: 0.3, n, seeds: 3 }),
    })),
  ];
  const rows = cases.flatMap(({ name, rate, make }) =>
    [150, 850].map((n) => {
      const random = randomOf(n);
      const held = { new: 0, these: 0 };
      const some = Math.ceil(times / 4);
      for (let time = 0; time < some; time++) {
        const values = make(random, n);
        for (const over of ["new", "these"]) {
          const { low, high } = crossedInterval(values, { over });
          if (low <= rate && rate <= high) held[over] += 1;
        }
      }
      return [name, n, percent(held.new / some), percent(held.these / some)];
    }),
  );
  return [["tunings", "items", "of a new tuning", "of these, read as if of a new one"], rows];
}

function slopes(times) {
  const rows = [4, 9, 11].map((count) => {
    const random = randomOf(count);
    const lambdas = Array.from({ length: count }, (_, at) => (at + 1) / (count + 1));
    const called = (rise) =>
      share(Math.ceil(times / 2), () => {
        const values = curves(random, { lambdas, n: 150, alike: 0.8, rise });
        return slopeOverLambda(values, lambdas, { flips: 999 }).p < 0.05;
      });
    return [count, percent(called(0)), percent(called(0.7))];
  });
  return [["lambdas", "no rise", "a rise of .7 deviations of an item"], rows];
}
