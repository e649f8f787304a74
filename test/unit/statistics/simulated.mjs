// Data of which the truth is known, for the simulations here and the larger ones of test/bench: pairs of models, tunings,
// curves over lambda.

/** @typedef {() => number} Random */

/**
 * Numbers between 0 and 1, without both (mulberry32).
 * @param {number} seed
 * @returns {Random}
 */
export function randomOf(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** Standard normal, by Box and Muller. @param {Random} random */
export function normal(random) {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

/**
 * In what share of the times it holds.
 * @param {number} times
 * @param {() => boolean} holds
 */
export function share(times, holds) {
  let count = 0;
  for (let time = 0; time < times; time++) if (holds()) count += 1;
  return count / times;
}

/**
 * The chance that an upper bound keeps within the margin, where two models differ on such shares of all items: the sum over
 * all numbers of items on which they do.
 * @param {{ n: number, margin: number, onlyFirst: number, onlySecond: number }} truth
 * @param {(counts: { onlyFirst: number, onlySecond: number, n: number }) => number} bound
 */
export function acceptedOfAll({ n, margin, onlyFirst, onlySecond }, bound) {
  const logs = new Float64Array(n + 1);
  for (let at = 1; at <= n; at++) logs[at] = /** @type {number} */ (logs[at - 1]) + Math.log(at);
  const log = (/** @type {number} */ at) => /** @type {number} */ (logs[at]);
  const power = (/** @type {number} */ base, /** @type {number} */ of) => (of === 0 ? 0 : of * Math.log(base));
  let accepted = 0;
  // of more items that only the first got, more of the second's pass
  let most = -1;
  const last = onlyFirst === 0 ? 0 : Math.min(n, Math.ceil(5 * n * onlyFirst + 30));
  for (let first = 0; first <= last; first++) {
    while (first + most < n && bound({ onlyFirst: first, onlySecond: most + 1, n }) <= margin) most += 1;
    for (let second = 0; second <= Math.min(most, n - first); second++) {
      const rest = n - first - second;
      const chances = power(onlyFirst, first) + power(onlySecond, second) + power(1 - onlyFirst - onlySecond, rest);
      accepted += Math.exp(log(n) - log(first) - log(second) - log(rest) + chances);
    }
  }
  return accepted;
}

/**
 * An aligned model, and merges of several tunings that succeed where it does not on a share `up` of all items, and the other
 * way round on `back`. `alike`: the chance that a tuning does on an item what all would do, instead of its own.
 * @param {Random} random
 * @param {{ n: number, rate: number, seeds: number, up: number, back: number, alike: number }} truth
 */
export function pairs(random, { n, rate, seeds, up, back, alike }) {
  const flips = (/** @type {number} */ one) => random() < (one ? back / rate : up / (1 - rate));
  /** @type {number[]} */
  const aligned = Array.from({ length: n }, () => (random() < rate ? 1 : 0));
  const shared = aligned.map(flips);
  const merged = Array.from({ length: seeds }, () =>
    aligned.map((one, item) => ((random() < alike ? shared[item] : flips(one)) ? 1 - one : one)),
  );
  return { aligned: [aligned], merged };
}

/**
 * Tunings whose rates differ by a normal deviation, of items that are as hard for all: half have a chance that is .2 higher,
 * half one that is .2 lower.
 * @param {Random} random
 * @param {{ rate: number, deviation: number, n: number, seeds: number }} truth
 */
export function additiveTunings(random, { rate, deviation, n, seeds }) {
  const items = Array.from({ length: n }, () => (random() < 0.5 ? -0.2 : 0.2));
  return Array.from({ length: seeds }, () => {
    const own = rate + deviation * normal(random);
    return items.map((one) => (random() < own + one ? 1 : 0));
  });
}

/**
 * Tunings whose items and seeds move a normal threshold, which is `centre` standard deviations of all together above 0: the rate
 * over all tunings and items is the normal distribution's share below `centre`.
 * @param {Random} random
 * @param {{ centre: number, ofItems: number, ofSeeds: number, n: number, seeds: number }} truth
 */
export function thresholdTunings(random, { centre, ofItems, ofSeeds, n, seeds }) {
  const shift = centre * Math.sqrt(1 + ofItems ** 2 + ofSeeds ** 2);
  const items = Array.from({ length: n }, () => shift + ofItems * normal(random));
  return Array.from({ length: seeds }, () => {
    const seed = ofSeeds * normal(random);
    return items.map((item) => (item + seed + normal(random) > 0 ? 1 : 0));
  });
}

/**
 * One tuning's outcomes over lambda, [lambda][seed][item]. Each item has its own path over lambda; `alike` is the correlation
 * of neighbours on it; all rise by `rise` from 0 to 1.
 * @param {Random} random
 * @param {{ lambdas: readonly number[], n: number, alike: number, rise: number }} truth
 */
export function curves(random, { lambdas, n, alike, rise }) {
  const items = Array.from({ length: n }, () => {
    const hard = normal(random);
    let path = normal(random);
    return lambdas.map((lambda, at) => {
      if (at > 0) path = alike * path + Math.sqrt(1 - alike ** 2) * normal(random);
      return hard + path + rise * lambda > 0.8 ? 1 : 0;
    });
  });
  return lambdas.map((_, at) => [items.map((outcomes) => outcomes[at] ?? 0)]);
}

/**
 * Three models, [model][seed][item], that get these shares of all items right over all tunings. An item is as hard for all of
 * them (their answers are correlated by 2 / 3 on a normal scale); each tuning moves each model by a normal deviation `ofSeeds`.
 * @param {Random} random
 * @param {{ rates: readonly number[], n: number, seeds: number, ofSeeds: number, quantile: (p: number) => number }} truth
 */
export function threeModels(random, { rates, n, seeds, ofSeeds, quantile }) {
  const [shared, whole] = [Math.SQRT2, Math.sqrt(3 + ofSeeds ** 2)];
  const items = Array.from({ length: n }, () => shared * normal(random));
  return rates.map((rate) => {
    const threshold = -quantile(rate) * whole;
    return Array.from({ length: seeds }, () => {
      const own = ofSeeds * normal(random);
      return items.map((item) => (item + own + normal(random) > threshold ? 1 : 0));
    });
  });
}

/**
 * Things of which each item is asked, [thing][seed][item]: outcomes at these rates, and a number on the first `measured` items whose mean over all
 * items is that of `means`. What makes an item hard is the same for all things and for both numbers.
 * @param {Random} random
 * @param {{ rates: readonly number[], means: readonly number[], items: number, measured: number, quantile: (p: number) => number }} truth
 */
export function rankedThings(random, { rates, means, items, measured, quantile }) {
  const hard = Array.from({ length: items }, () => normal(random));
  const outcomes = rates.map((rate) => {
    const threshold = -quantile(rate);
    return [hard.map((one) => (Math.sqrt(0.6) * one + Math.sqrt(0.4) * normal(random) > threshold ? 1 : 0))];
  });
  const proxies = means.map((mean) => [
    hard.map((one, at) => (at < measured ? mean + 1.8 * one + 0.9 * normal(random) : null)),
  ]);
  return { proxies, outcomes };
}
