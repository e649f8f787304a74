// study.yml: what may stand in it by itself. What it shares with experiment.yml is told by that one's schema, once the study's
// experiments are made of it.

import { z } from "zod";
import { type Experiment, experimentSchema } from "../../experiment/settings/schema.js";

/** Keys of an experiment that stand at the top of a study, for all of its experiments. */
const OWN = ["name", "aligned", "unaligned", "tuned", "tune", "task"] as const;
type OwnKey = (typeof OWN)[number];
export type SharedKey = Exclude<keyof Experiment, OwnKey>;

export const SHARED_KEYS = Object.keys(experimentSchema.shape).filter(
  (key): key is SharedKey => !(OWN as readonly string[]).includes(key),
);

/** Keys of an experiment that a task, or a model, may have of its own: they come before the study's. */
export const TASK_KEYS = [
  ...[
    "data",
    "bertScore",
    "bbh",
    "lmEval",
    "paperExact",
    "allowCodeExecution",
    "system",
    "decoding",
    "limit",
    "select",
  ],
] as readonly SharedKey[];
export const MODEL_KEYS: readonly SharedKey[] = ["system", "engine"];

const later = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, z.unknown().optional()]));

/** Names are folders of the study, and columns of its tables. */
export const NAME = /^[A-Za-z0-9][\w.-]*$/;

export const studySchema = z.strictObject({
  name: z.string().min(1).default("study").describe("The report's title."),
  models: z
    .record(
      z.string(),
      z.strictObject({
        aligned: z.string().min(1).describe("The aligned model: a folder or a name on the hub."),
        unaligned: z
          .string()
          .min(1)
          .optional()
          .describe("The model before alignment: for methods that read it, and measured beside the others."),
        ...later(MODEL_KEYS),
      }),
    )
    .describe("Aligned models by names of your own, such as { smollm2: { aligned: path/to/model } }."),
  tasks: z
    .record(
      z.string(),
      z.strictObject({
        ...later(["validation", "test", "label", ...TASK_KEYS]),
      }),
    )
    .describe("Tasks by names of your own, each with validation and test, as task of experiment.yml."),
  seeds: z
    .array(z.union([z.int(), z.string()]))
    .min(1)
    .optional()
    .describe("Seeds of the tunings."),
  tuned: z
    .strictObject({
      adapter: z.string().optional(),
      model: z.string().optional(),
    })
    .optional()
    .describe("Where the tuned models are: a path with {task}, {model} and {seed} in it."),
  tune: z
    .strictObject({
      data: z.string().describe("Rows of prompt and response; {task}, {model} and {seed} stand for their names."),
      options: z.unknown().optional(),
    })
    .optional()
    .describe("Instead of tuned: the study tunes LoRA adapters itself."),
  ...(later(SHARED_KEYS) as Record<SharedKey, z.ZodOptional<z.ZodUnknown>>),
});

export type StudyText = z.output<typeof studySchema>;

type Shared = Pick<Experiment, SharedKey>;

/** What study.yml holds. */
export interface Study
  extends Partial<Omit<Shared, "methods" | "safety">>,
    Partial<Pick<Shared, "methods" | "safety">> {
  /** The report's title. */
  readonly name?: string | undefined;
  /** By name. */
  readonly models: Readonly<
    Record<string, Pick<Experiment, "aligned"> & Partial<Pick<Experiment, "unaligned" | "system" | "engine">>>
  >;
  /** By name. */
  readonly tasks: Readonly<
    Record<
      string,
      Experiment["task"] &
        Partial<
          Pick<
            Experiment,
            | "data"
            | "bertScore"
            | "bbh"
            | "lmEval"
            | "paperExact"
            | "allowCodeExecution"
            | "system"
            | "decoding"
            | "limit"
            | "select"
          >
        >
    >
  >;
  /** Of the tunings; those of `tune` are 42, 1024 and 48763 by default. */
  readonly seeds?: readonly (number | string)[] | undefined;
  /** A path with {task}, {model} and {seed} in it: of an adapter or of a whole model. */
  readonly tuned?: { readonly adapter?: string | undefined; readonly model?: string | undefined } | undefined;
  /** Instead of tuned; the data's path may have {task}, {model} and {seed} in it. */
  readonly tune?: Omit<NonNullable<Experiment["tune"]>, "seeds"> | undefined;
}
