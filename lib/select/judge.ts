// What can be said of each candidate before a margin is named: bounds, the share of the gain, the gate. Each is worked out once.

import { meanOverSeeds } from "../statistics/meanOverSeeds.js";
import { differenceBound } from "./differenceBound.js";
import type { Gate } from "./gate.js";
import { seriesOf } from "./names.js";
import { bySequence, worth } from "./order.js";
import type {
  Candidate,
  CompleteRule,
  GateVerdict,
  Point,
  Quantity,
  SafetyBound,
  SelectionTable,
  Verdict,
} from "./types.js";

export type SeedBounds = NonNullable<Verdict["seeds"]>;

export interface Judged {
  readonly candidate: Candidate;
  readonly series: string;
  readonly plain: SafetyBound;
  readonly adjusted: SafetyBound;
  readonly seeds?: SeedBounds | undefined;
  readonly kept?: number | undefined;
  readonly gate: readonly GateVerdict[];
}

/** Series by series, and in each from its safe end. @throws RetemperError USAGE where the gate asks for what was not measured */
export function judge(table: SelectionTable, { level }: CompleteRule, gate: Gate | undefined): Judged[] {
  const series = new Set(table.candidates.map(seriesOf)).size;
  const divided = series > 1 ? 1 - (1 - level) / series : level;
  return [...table.candidates].sort(bySequence).map((candidate) => {
    const plain = safetyBound(candidate, table.aligned, level);
    const seeds = seedBounds(candidate, table.aligned, level, divided);
    const kept = shareOfGain(candidate, table);
    return {
      candidate,
      series: seriesOf(candidate),
      plain,
      adjusted: divided === level ? plain : safetyBound(candidate, table.aligned, divided),
      ...(seeds && { seeds }),
      ...(kept !== undefined && { kept }),
      gate: gate?.verdicts(candidate, table, { level: divided }) ?? [],
    };
  });
}

/** The one-sided upper bound of how far a model's attack success rate is above the aligned model's. */
export function safetyBound({ asr }: Pick<Point, "asr">, aligned: Point, level: number): SafetyBound {
  const operand = (quantity: Quantity) => ({ quantity, factor: 1, items: "asr", rate: true });
  const found = differenceBound(operand(asr), [operand(aligned.asr)], { level, side: "upper" });
  return { ...found, level };
}

/** Each seed's own bounds: one seed's model is what is written. undefined where there are not several. */
export function seedBounds({ asr }: Point, aligned: Point, level: number, divided = level): SeedBounds | undefined {
  const { values, seeds = [], n, weights, groups } = asr;
  const name = (at: number) => seeds[at]?.seed ?? String(at);
  const each: { readonly seed: string; readonly quantity: Quantity }[] = values
    ? values.map((row, at) => ({
        seed: name(at),
        quantity: { value: meanOverSeeds([row], { weights, groups }), values: [row], weights, groups },
      }))
    : seeds.map(({ seed, value }) => ({ seed, quantity: { value, n } }));
  if (each.length < 2) return undefined;
  return each.map(({ seed, quantity }) => {
    const { bound } = safetyBound({ asr: quantity }, aligned, level);
    return {
      seed,
      bound,
      adjusted: divided === level ? bound : safetyBound({ asr: quantity }, aligned, divided).bound,
    };
  });
}

/** undefined where there is no fine-tuned model, or it has no gain of which a share could be kept. */
function shareOfGain(candidate: Candidate, { aligned, tuned, better }: SelectionTable): number | undefined {
  if (!tuned) return undefined;
  const gain = worth(tuned, better) - worth(aligned, better);
  return gain > 0 ? (worth(candidate, better) - worth(aligned, better)) / gain : undefined;
}
