// CMA-ES: a normal distribution that moves to where candidates are better, and takes the shape of what the best of them have in
// common. Formulas: Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv 1604.00772), with its negative weights. It is told an order
// alone, so that a constraint is a matter of that order.

import { RetemperError } from "../../errors.js";
import { type Matrix, symmetricEigen } from "./symmetricEigen.js";

export interface CmaEsOptions {
  /** Where it begins, within the bounds. */
  readonly mean: readonly number[];
  /** The step at the beginning, in the units of the coordinates: .2 to .3 of the width of the bounds. */
  readonly sigma: number;
  /** Of every coordinate. */
  readonly bounds: readonly [low: number, high: number];
  /** Candidates of a generation; 4 + 3 ln n by default. */
  readonly population?: number | undefined;
  /** Independent draws of the standard normal distribution. */
  readonly normal: () => number;
}

/** Draws of one candidate before it is brought to the bounds. */
const MOST_DRAWS = 100;

/** Candidates of a generation by default (table 1 of the tutorial). @param dimensions of a candidate */
export function generationSize(dimensions: number): number {
  return 4 + Math.floor(3 * Math.log(Math.max(1, dimensions)));
}

export class CmaEs {
  readonly population: number;
  readonly #n: number;
  readonly #bounds: CmaEsOptions["bounds"];
  readonly #normal: () => number;
  readonly #constants: Constants;
  #mean: number[];
  #sigma: number;
  #covariance: number[][];
  #root: Roots;
  #path: number[];
  #stepPath: number[];
  #generation = 0;

  /** @throws RetemperError USAGE for what cannot be searched */
  constructor({ mean, sigma, bounds, population, normal }: CmaEsOptions) {
    const n = mean.length;
    const [low, high] = bounds;
    const size = population ?? generationSize(n);
    const inside = mean.every((value) => value >= low && value <= high);
    if (n === 0 || !(sigma > 0) || !(low < high) || !inside || !Number.isInteger(size) || size < 2) {
      throw new RetemperError(
        "USAGE",
        "CMA-ES needs coordinates, a positive step, a mean within its bounds, 2 candidates or more",
      );
    }
    this.population = size;
    this.#n = n;
    this.#bounds = bounds;
    this.#normal = normal;
    this.#constants = constantsOf(n, size);
    this.#mean = [...mean];
    this.#sigma = sigma;
    this.#covariance = mean.map((_, i) => mean.map((_value, j) => (i === j ? 1 : 0)));
    this.#root = rootsOf(this.#covariance);
    this.#path = mean.map(() => 0);
    this.#stepPath = mean.map(() => 0);
  }

  /** Of the distribution: where it is, its step, and its shape. */
  get state(): { readonly mean: readonly number[]; readonly sigma: number; readonly covariance: Matrix } {
    return { mean: this.#mean, sigma: this.#sigma, covariance: this.#covariance };
  }

  /** The candidates of the next generation, in the order in which they are drawn. */
  ask(): number[][] {
    return Array.from({ length: this.population }, () => this.#draw());
  }

  /**
   * Learns from a generation.
   * @param ranked its candidates, the best first
   */
  tell(ranked: readonly (readonly number[])[]): void {
    if (ranked.length !== this.population) throw new RetemperError("INTERNAL", "CMA-ES is told of a whole generation");
    const { weights, parents, massOfParents, ofStep, damping, ofPath, ofRankOne, ofRankMu, expected } = this.#constants;
    const n = this.#n;
    const steps = ranked.map((one) => one.map((value, i) => (value - (this.#mean[i] as number)) / this.#sigma));
    const mean = weightedSum(steps.slice(0, parents), weights);
    this.#mean = this.#mean.map((value, i) => value + this.#sigma * (mean[i] as number));

    // how far it went, against how far it would go by chance
    const white = times(this.#root.inverse, mean);
    const kept = Math.sqrt(ofStep * (2 - ofStep) * massOfParents);
    this.#stepPath = this.#stepPath.map((value, i) => (1 - ofStep) * value + kept * (white[i] as number));
    const length = norm(this.#stepPath);
    this.#sigma *= Math.exp((ofStep / damping) * (length / expected - 1));
    this.#generation += 1;
    const begun = Math.sqrt(1 - (1 - ofStep) ** (2 * this.#generation));
    const isStalled = length / begun >= (1.4 + 2 / (n + 1)) * expected;

    const moves = isStalled ? 0 : Math.sqrt(ofPath * (2 - ofPath) * massOfParents);
    this.#path = this.#path.map((value, i) => (1 - ofPath) * value + moves * (mean[i] as number));
    const missing = isStalled ? ofPath * (2 - ofPath) : 0;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const keeps = 1 + ofRankOne * missing - ofRankOne - ofRankMu * total;
    // those that are worse count against their direction, whatever their length
    const counted = weights.map((weight, k) => {
      if (weight >= 0) return weight;
      return (weight * n) / Math.max(norm(times(this.#root.inverse, steps[k] as number[])) ** 2, Number.MIN_VALUE);
    });
    this.#covariance = this.#covariance.map((row, i) =>
      row.map((value, j) => {
        const rankMu = steps.reduce(
          (sum, step, k) => sum + (counted[k] as number) * (step[i] as number) * (step[j] as number),
          0,
        );
        const rankOne = (this.#path[i] as number) * (this.#path[j] as number);
        return keeps * value + ofRankOne * rankOne + ofRankMu * rankMu;
      }),
    );
    this.#root = rootsOf(this.#covariance);
  }

  /** What falls outside of the bounds is drawn again, and in the end brought to them. */
  #draw(): number[] {
    const [low, high] = this.#bounds;
    for (let draw = 1; ; draw++) {
      const step = times(
        this.#root.root,
        this.#mean.map(() => this.#normal()),
      );
      const point = this.#mean.map((value, i) => value + this.#sigma * (step[i] as number));
      if (point.every((value) => value >= low && value <= high)) return point;
      if (draw > MOST_DRAWS) return point.map((value) => Math.min(high, Math.max(low, value)));
    }
  }
}

interface Constants {
  /** Of a generation's candidates, the best first; those of the worse half are negative. */
  readonly weights: readonly number[];
  readonly parents: number;
  readonly massOfParents: number;
  readonly ofStep: number;
  readonly damping: number;
  readonly ofPath: number;
  readonly ofRankOne: number;
  readonly ofRankMu: number;
  /** The mean length of a standard normal vector. */
  readonly expected: number;
}

/** Table 1 of the tutorial. */
function constantsOf(n: number, size: number): Constants {
  const parents = Math.floor(size / 2);
  const raw = Array.from({ length: size }, (_, i) => Math.log((size + 1) / 2) - Math.log(i + 1));
  const mass = (of: readonly number[]) =>
    of.reduce((sum, one) => sum + one, 0) ** 2 / of.reduce((sum, one) => sum + one * one, 0);
  const massOfParents = mass(raw.slice(0, parents));
  const massOfOthers = mass(raw.slice(parents));
  const ofRankOne = 2 / ((n + 1.3) ** 2 + massOfParents);
  const most = (2 * (massOfParents - 2 + 1 / massOfParents)) / ((n + 2) ** 2 + massOfParents);
  const ofRankMu = Math.min(1 - ofRankOne - 1e-8, most);
  const negative = Math.min(
    1 + ofRankOne / ofRankMu,
    1 + (2 * massOfOthers) / (massOfParents + 2),
    (1 - ofRankOne - ofRankMu) / (n * ofRankMu),
  );
  const positiveSum = raw.reduce((sum, one) => sum + Math.max(0, one), 0);
  const negativeSum = raw.reduce((sum, one) => sum - Math.min(0, one), 0);
  const ofStep = (massOfParents + 2) / (n + massOfParents + 5);
  return {
    weights: raw.map((one) => (one >= 0 ? one / positiveSum : (negative * one) / negativeSum)),
    ...{ parents, massOfParents, ofRankOne, ofRankMu, ofStep },
    damping: 1 + 2 * Math.max(0, Math.sqrt((massOfParents - 1) / (n + 1)) - 1) + ofStep,
    ofPath: (4 + massOfParents / n) / (n + 4 + (2 * massOfParents) / n),
    expected: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
  };
}

interface Roots {
  /** The symmetric square root, and its inverse. */
  readonly root: Matrix;
  readonly inverse: Matrix;
}

/** Symmetric roots, so that the signs and the order of eigenvectors change nothing. */
function rootsOf(covariance: Matrix): Roots {
  const { values, vectors } = symmetricEigen(covariance);
  const lengths = values.map((value) => Math.sqrt(Math.max(value, 1e-16)));
  const made = (of: (length: number) => number) => {
    const factors = lengths.map(of);
    return vectors.map((row) => {
      const scaled = row.map((value, k) => value * (factors[k] as number));
      return vectors.map((other) => dot(scaled, other));
    });
  };
  return { root: made((length) => length), inverse: made((length) => 1 / length) };
}

function weightedSum(vectors: readonly (readonly number[])[], weights: readonly number[]): number[] {
  return (vectors[0] ?? []).map((_, i) =>
    vectors.reduce((sum, vector, k) => sum + (weights[k] as number) * (vector[i] as number), 0),
  );
}

function times(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) => dot(row, vector));
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function norm(vector: readonly number[]): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}
