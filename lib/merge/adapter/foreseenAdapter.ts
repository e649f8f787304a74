// What a merge's adapter would be, as far as headers say: for plans.

import { elementsOf } from "../../checkpoint/elementsOf.js";
import type { PlanOptions } from "../options.js";
import type { PlannedAdapter } from "../report.js";
import type { AdapterPlan, LowRankTensor } from "./plannedAdapter.js";

export function foreseenAdapter(
  { base, lowRank, whole }: AdapterPlan,
  { rank = Number.POSITIVE_INFINITY }: PlanOptions,
): PlannedAdapter {
  return {
    base: base.reference.text,
    products: lowRank.map((tensor) => {
      const own = ownRank(tensor);
      return { name: tensor.name, rank: Math.min(rank, own), exact: tensor.terms !== undefined && own <= rank };
    }),
    whole: whole.map(({ draft }) => draft.name),
  };
}

/** The highest rank that its product can need. */
function ownRank({ terms, shape: [rows = 1, ...rest] }: LowRankTensor): number {
  return terms?.reduce((sum, term) => sum + term.rank, 0) ?? Math.min(rows, elementsOf({ shape: rest }));
}
