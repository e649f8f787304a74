// Of an experiment's judges that say probabilities: what these were worth on the labelled answers.

import type { Results } from "../../evaluate/run/results.js";
import type { JudgeReliability } from "../../report/types.js";

/** None without labelled answers; grades such as StrongREJECT's rank answers and are no probabilities. */
export function reliabilityIn(
  seeds: readonly { readonly results: Pick<Results, "calibration"> }[],
): readonly JudgeReliability[] {
  return (seeds[0]?.results.calibration?.judges ?? []).flatMap(({ name, probabilities }) =>
    probabilities?.reliability
      ? [{ name, n: probabilities.n, auc: probabilities.auc, ...probabilities.reliability }]
      : [],
  );
}
