// Calibrates the judges of an experiment on labelled answers, once; their verdicts are kept as all others are.

import { RetemperError } from "../../errors.js";
import { calibrateBy } from "../../evaluate/run/calibrate.js";
import { uselessJudges } from "../../evaluate/run/correctMeasures.js";
import type { EvaluateProgress } from "../../evaluate/run/progress.js";
import type { Calibration } from "../../evaluate/run/results.js";
import type { Scorer } from "../../evaluate/types.js";
import type { Checked } from "../checks/checked.js";
import { type Digest, digestOf } from "../digests/digestOf.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Store } from "../store/store.js";
import { type Batch, defineStep, single } from "./step.js";

export interface Calibrating {
  readonly batches: readonly Batch[];
  /**
   * Once the batches are done; undefined where there are no labelled answers.
   * @throws RetemperError BAD_INPUT where the choice is to use corrected rates and its judge is no better than chance
   */
  read(): Promise<Calibration | undefined>;
}

export function calibrating(
  settings: ExperimentSettings,
  { labelled, judges: { judges } }: Pick<Checked, "labelled" | "judges">,
  store: Store,
  scorerDigest: (scorer: Scorer) => Digest<"scorers">,
  onProgress: ((progress: EvaluateProgress) => void) | undefined,
): Calibrating {
  if (!labelled) return { batches: [], read: async () => undefined };
  const answers = digestOf(
    "data",
    labelled.facts.files.map(({ sha256 }) => sha256),
  );
  const step = defineStep("calibrate", "judges on labelled answers", { answers, judges: judges.map(scorerDigest) });
  const batch = single(
    step,
    async ({ signal }) => {
      const journal = await store.given(judges);
      await calibrateBy(judges, labelled, journal, { signal, onProgress });
      journal.sync();
      return { newTokens: 0, bytesWritten: 0 };
    },
    {
      part: `${labelled.rows.length} labelled answers, to calibrate the judges`,
      remains: async () => ({ labelled: labelled.rows, units: 1, pending: true }),
    },
  );
  return {
    batches: [batch],
    read: async () => {
      const journal = await store.given(judges);
      await journal.refresh();
      const calibration = await calibrateBy(judges, labelled, journal, {});
      const [first] = judges;
      if (settings.select.corrected && first && uselessJudges(calibration).includes(first.name)) {
        throw new RetemperError(
          "BAD_INPUT",
          `The judge ${first.name} is right no more often than chance on the labelled answers.`,
          {
            file: settings.safety.calibration,
            hint: "choose by another judge, or leave out select.corrected: its rates cannot be corrected",
          },
        );
      }
      return calibration;
    },
  };
}
