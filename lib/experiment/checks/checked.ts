// What the checks before a run found and opened.

import type { LabelledAnswers } from "../../evaluate/data/labelledAnswers.js";
import type { Task } from "../../evaluate/types.js";
import type { EngineName } from "../../generate/types.js";
import type { PlannedPreparation } from "../../merge/report.js";
import type { TuningPlan } from "../../tune/planTuning.js";
import type { OpenJudges } from "./judges.js";
import type { Splits } from "./seedSplits.js";

export interface Checked {
  /** By name of the part: what is asked. */
  readonly tasks: {
    readonly safety: readonly Task[];
    readonly safetyTest: readonly Task[];
    readonly validation: readonly Task[];
    readonly test: readonly Task[];
    /** Whether safety and safetyTest are halves of the same sets. */
    readonly split?: boolean | undefined;
    /** Names of sets of which one half chooses and the other confirms. */
    readonly halved?: ReadonlySet<string> | undefined;
    /** Sets of skills that choose and that confirm, but for those that are asked as sets of the task already. */
    readonly skills?: readonly Task[] | undefined;
    readonly skillsTest?: readonly Task[] | undefined;
    /** By the name of a set, the skill that it belongs to. */
    readonly skillOf?: ReadonlyMap<string, string> | undefined;
  };
  /** Of the validation, where it is another one for each tuning. */
  readonly splits?: Splits | undefined;
  readonly judges: OpenJudges;
  /** Answers that people labelled, to correct the judges' rates by. */
  readonly labelled?: LabelledAnswers | undefined;
  /** What runs the aligned model: virtual merges run on the native engine only. */
  readonly engine: EngineName;
  /** Bytes of one written merge. */
  readonly bytesOfMerge: number;
  /** By the place of a method that makes inputs before it merges: what one of its merges takes. */
  readonly preparations: ReadonlyMap<number, PlannedPreparation>;
  /** Of the merge that ships in each of its forms, by the form's name; none of a form that is the written merge itself. */
  readonly bytesOfForms: ReadonlyMap<string, number>;
  /** By the seed of what is still to be tuned. */
  readonly tunings: ReadonlyMap<string, TuningPlan>;
  /** Likewise: items of the validation whose prompt is learned too. */
  readonly alsoLearned: ReadonlyMap<string, number>;
  close(): Promise<void>;
}
