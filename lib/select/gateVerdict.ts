// What a gate says of one candidate.

/**
 * What a bound could be made from. "paired": the same items of both models. "intervals": both models' intervals, as if of
 * different items. "interval": one model's interval, and the value of the other if there is one. "values": the values alone,
 * which is no bound.
 */
export type BoundBasis = "paired" | "intervals" | "interval" | "values";

/** What a gate can look at; "skill": a skill by its name, or the worst of all. */
export type GateMetric = "asr" | "score" | "overRefusal" | "worstCategory" | "skill";

/** One comparison of a gate, for one candidate: `compared` must keep to the side of `limit`. */
export interface GateVerdict {
  readonly text: string;
  readonly metric: GateMetric;
  readonly holds: boolean;
  /** A bound of the left side less the models on the right one, or the numbers themselves where ends or points are named. */
  readonly compared: number;
  /** What it is compared with. */
  readonly limit: number;
  /** "named": the gate names ends of intervals or points. */
  readonly basis: BoundBasis | "named";
  /** Of `worstCategory`: which. */
  readonly category?: string | undefined;
  /** Of a skill: which. */
  readonly skill?: string | undefined;
  /** Where each tuning's own bound is asked and this one's decides: its seed. */
  readonly seed?: string | undefined;
}

/** A part of the gate that says "not less safe", by a bound: those stop a series, and are asked of each tuning with `everySeed`. */
export function isSafetyBound({ metric, basis }: Pick<GateVerdict, "metric" | "basis">): boolean {
  return metric !== "score" && basis !== "named";
}
