// Calibrates the judges of an experiment, once, as a step of its own.

import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { calibrateBy } from "../../evaluate/run/calibrate.js";
import { uselessJudges } from "../../evaluate/run/correctMeasures.js";
import { FileJournal } from "../../evaluate/run/fileJournal.js";
import type { Calibration } from "../../evaluate/run/results.js";
import type { ScoreAnswersOptions } from "../../evaluate/run/scoreAnswers.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { Checked } from "../checks/checked.js";
import type { OpenJudges } from "../checks/judges.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { byDigest, type Steps } from "./steps.js";

const FILE = "calibration.json";

export interface CalibrationParts extends ScoreAnswersOptions {
  readonly settings: ExperimentSettings;
  readonly checked: Checked;
  readonly judges: OpenJudges;
  readonly steps: Steps;
  /** By model that judges: what it holds. */
  readonly digests: ReadonlyMap<string, string>;
}

/**
 * @returns undefined where there are no labelled answers
 * @throws RetemperError BAD_INPUT where the choice is to use corrected rates and its judge is no better than chance
 */
export async function calibrationStep({
  settings,
  checked,
  judges: { judges },
  steps,
  digests,
  signal,
  onProgress,
}: CalibrationParts): Promise<Calibration | undefined> {
  const { labelled } = checked;
  if (!labelled) return undefined;
  const facts = judges.map(({ name, facts }) => [name, facts]);
  const inputs = { answers: labelled.facts.files.map(({ sha256 }) => sha256), judges: byDigest(facts, digests) };
  const { folder } = await steps.do("calibrate judges", inputs, async (place) => {
    const journal = await FileJournal.open(place);
    try {
      const calibration = await calibrateBy(judges, labelled, journal, { signal, onProgress });
      await writeWhole(join(place, FILE), `${JSON.stringify(calibration, null, 1)}\n`);
      return { newTokens: 0, bytesWritten: 0 };
    } finally {
      journal.close();
    }
  });
  const text = await readTextAtMost(join(folder, FILE), { most: 2 ** 24, what: "a step's result" });
  const calibration = JSON.parse(text) as Calibration;
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
}
