// The choice: the tables of the models and merges on the data that choose, and what the rule takes.

import type { MeasuredCandidate } from "../../report/types.js";
import { candidateId } from "../../select/names.js";
import { select } from "../../select/select.js";
import type { Better, Selection, SkillFacts } from "../../select/types.js";
import type { JudgeCalibration } from "../../statistics/correctedRate.js";
import type { EvaluatedPoint } from "../candidates/point.js";
import type { Checked } from "../checks/checked.js";
import { betterOf, labelsOf, type TableLabels } from "../checks/labels.js";
import { skillFacts } from "../checks/skillFacts.js";
import { leavesOut } from "../settings/leavesOut.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Tables } from "../steps/measureStage.js";
import type { Part } from "../steps/measuring.js";
import type { ChosenPoint } from "../steps/writeStage.js";
import { calibrationIn } from "../tables/correctedQuantity.js";
import { measure } from "../tables/measure.js";
import { type SeedToShip, seedToShip } from "./seedToShip.js";

type Measured = ReturnType<typeof measure>;

/** The models that every merge is compared with. */
export interface Ends {
  readonly better: Better;
  readonly calibration?: JudgeCalibration;
  readonly skills?: Readonly<Record<string, SkillFacts>>;
  readonly unaligned?: Measured;
  readonly aligned: Measured;
  readonly tuned: Measured;
}

export interface Choice {
  readonly labels: TableLabels;
  readonly validation: Ends & { readonly candidates: readonly MeasuredCandidate[]; readonly looks?: readonly number[] };
  readonly selection: Selection;
  /** What is best of all, if anything qualifies. */
  readonly best: EvaluatedPoint | undefined;
  /** Which seed's merge of it is shipped. */
  readonly ship: SeedToShip | undefined;
  /** That, and what is best of each method (where merges may be left out, that alone): to be measured on the data that confirm. */
  readonly wanted: readonly ChosenPoint[];
}

export function choose(tables: Tables, settings: ExperimentSettings, checked: Checked): Choice {
  const { points, looks } = tables;
  const labels = labelsOf(settings, checked);
  const validation = {
    ...endsOf(tables, "validation", checked),
    candidates: points.map(({ measured }) => measured),
    ...(looks && { looks }),
  };
  const selection = select({ ...validation, labels: labels.validation }, settings.select);
  const { overall, methods } = selection;
  const ids = new Set(
    [overall, ...Object.values(methods)].flatMap(({ candidate }) => (candidate ? [candidateId(candidate)] : [])),
  );
  const best = points.find(
    ({ measured }) => overall.candidate && candidateId(measured) === candidateId(overall.candidate),
  );
  const seedsOf = (point: EvaluatedPoint) => point.series.merges.map(({ seed }) => seed);
  const ship = best && seedToShip({ validation, selection, labels: labels.validation }, seedsOf(best));
  const writtenOf = (point: EvaluatedPoint) => {
    if (settings.write === "all") return seedsOf(point);
    return point === best ? [ship?.seed] : [];
  };
  return {
    ...{ labels, validation, selection, best, ship },
    // where merges may be left out, what would be best of each method is not known
    wanted: points
      .filter((point) => (leavesOut(settings) ? point === best : ids.has(candidateId(point.measured))))
      .map((point) => ({ point, written: new Set(writtenOf(point)) })),
  };
}

export function endsOf({ aligned, tuned, unaligned, items }: Tables, part: Part, checked: Checked): Ends {
  const calibration = calibrationIn(aligned.validation);
  const skills = skillFacts(checked, part);
  return {
    better: betterOf(checked.tasks[part]),
    ...(calibration && { calibration }),
    ...(skills && { skills }),
    ...(unaligned && { unaligned: measure(unaligned[part], items[part]) }),
    aligned: measure(aligned[part], items[part]),
    tuned: measure(tuned[part], items[part]),
  };
}
