// What an operation makes of its sources where that is a sum with fixed weights, the same for every value of a tensor.

import type { NativeParams } from "../../addon/nativePlan.js";

/**
 * The weight of each source, or why there are none: a few words that follow "because the method".
 * @param count number of sources; a base is the first of them
 */
export function coefficients(params: NativeParams, count: number): readonly number[] | string {
  switch (params.op) {
    case "copy":
      return [1];
    case "linear": {
      const sum = params.normalize ? params.weights.reduce((total, weight) => total + weight, 0) : 1;
      return params.weights.map((weight) => weight / sum);
    }
    case "task_arithmetic": {
      if (params.election) return "elects a sign for every value";
      if (params.sparsifier !== "none" && params.densities.some((density) => density < 1)) {
        return params.sparsifier === "random" || params.sparsifier === "ranked"
          ? "drops values of the change at random"
          : "drops the smallest values of the change";
      }
      const { weights, lambda, normalize } = params;
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const divisor = normalize && Math.abs(sum) >= 1e-8 ? sum : 1;
      const shares = weights.map((weight) => (lambda * weight) / divisor);
      return [1 - shares.reduce((total, share) => total + share, 0), ...shares];
    }
    case "slerp":
      return count === 2 ? "turns the weights along an arc" : "is no weighted sum";
    case "nuslerp":
    case "multislerp":
    case "karcher":
      return "turns the weights along an arc";
    default:
      return "is no sum with fixed weights";
  }
}
