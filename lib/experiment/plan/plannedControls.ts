// What the controls of an experiment take: their points, and the tunings that make some of them.

import { settingsOf } from "../../tune/settings.js";
import type { TunedModel } from "../candidates/merges.js";
import type { Checked } from "../checks/checked.js";
import { rankOf } from "../controls/truncatedAdapter.js";
import { halvesOf, isTuning, wantedControls } from "../settings/controlEntry.js";
import { type ControlKind, controlFacts } from "../settings/controlKinds.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { withCheckpoints } from "../settings/withCheckpoints.js";

export interface PlannedControl {
  readonly kind: ControlKind;
  /** "the random direction". */
  readonly name: string;
  /** For each seed. */
  readonly points: number;
  /** Further tunings for each seed. */
  readonly tunings: number;
  /** Points that are asked the data that confirm, at most, for each seed. */
  readonly tested: number;
}

/** The two ends of a line. */
const TESTED = 2;

export async function plannedControls(
  settings: ExperimentSettings,
  given: readonly TunedModel[],
  { tunings }: Pick<Checked, "tunings">,
): Promise<PlannedControl[]> {
  const planned: PlannedControl[] = [];
  for (const { kind, lambdas, values } of wantedControls(settings)) {
    let points = (lambdas ?? values ?? []).length;
    if (kind === "lower_rank" && !values) points = halvesOf(await rank(settings, given)).length;
    if (kind === "early_stopping") {
      const steps = Math.min(...[...tunings.values()].map((plan) => plan.steps));
      const { saveSteps = steps } = withCheckpoints(settings, tunings).tune?.options ?? {};
      points = saveSteps > 0 && tunings.size > 0 ? Math.ceil(steps / saveSteps) - 1 : 0;
    }
    planned.push({
      ...{ kind, name: controlFacts(kind).words, points },
      ...{ tunings: isTuning(kind) ? points : 0, tested: Math.min(TESTED, points) },
    });
  }
  return planned;
}

async function rank({ tune }: ExperimentSettings, given: readonly TunedModel[]): Promise<number> {
  if (tune) return settingsOf(tune.options ?? {}).rank;
  return Math.min(...(await Promise.all(given.map(({ model }) => rankOf(model)))));
}
