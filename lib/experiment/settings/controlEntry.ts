// The controls that an experiment asks for, with what it does not say filled in.

import { CONTROLS, type ControlKind, controlFacts } from "./controlKinds.js";
import { gridOf, isOfAll } from "./methodEntry.js";
import type { ExperimentSettings } from "./schema.js";

export interface WantedControl {
  readonly kind: ControlKind;
  /** Of those that are merged with the aligned model. */
  readonly lambdas?: readonly number[] | undefined;
  /** Of those that are models of their own, ascending; undefined for what the adapter decides. */
  readonly values?: readonly number[] | undefined;
}

type Entry = NonNullable<ExperimentSettings["controls"]>[number];

/** What tunings have by default: half of the tuning's own rate, and what is usual. */
const DECAY = 0.1;
const DROPOUT = 0.1;
const RATE = 1e-4;

export function wantedControls(settings: ExperimentSettings): WantedControl[] {
  return (settings.controls ?? []).map((entry): WantedControl => {
    const kind = kindOf(entry);
    const { lambda = undefined, values = undefined } = typeof entry === "string" ? {} : entry;
    if (controlFacts(kind).by === "lambda")
      return { kind, lambdas: lambda === undefined ? gridOfMerges(settings) : sorted([lambda].flat()) };
    if (controlFacts(kind).by === "checkpoints") return { kind };
    return { kind, values: values === undefined ? defaultValues(kind, settings) : sorted(values) };
  });
}

export function kindOf(entry: Entry): ControlKind {
  return typeof entry === "string" ? entry : entry.control;
}

/** The grid of linear merges where there is one, else of the first method that has one: controls are measured at the same lambdas. */
function gridOfMerges(settings: ExperimentSettings): number[] {
  const gridded = settings.methods.filter((one) => !isOfAll(one) && (typeof one === "string" || !one.vary));
  const linear = gridded.find((one) => (typeof one === "string" ? one : one.method) === "linear");
  return gridOf(linear ?? gridded[0] ?? "linear", settings);
}

function defaultValues(kind: ControlKind, { tune }: ExperimentSettings): readonly number[] | undefined {
  if (kind === "weight_decay") return [DECAY];
  if (kind === "dropout") return [DROPOUT];
  if (kind === "learning_rate") return [(tune?.options?.learningRate ?? RATE) / 2];
  const { rank } = tune?.options ?? {};
  return rank === undefined ? undefined : halvesOf(rank);
}

/** 1, 2, 4, … below a rank: what is left of it when it is halved, down to 1. */
export function halvesOf(rank: number): number[] {
  const halves: number[] = [];
  for (let half = Math.floor(rank / 2); half >= 1; half = Math.floor(half / 2)) halves.unshift(half);
  return halves;
}

/** The name of a tuning's option that a control changes. */
export const TUNE_OPTIONS = {
  weight_decay: "weightDecay",
  dropout: "dropout",
  learning_rate: "learningRate",
} as const satisfies Partial<Record<ControlKind, string>>;

/** Whether a control is of further tunings. */
export function isTuning(kind: ControlKind): kind is keyof typeof TUNE_OPTIONS {
  return CONTROLS[kind].from === "tune" && CONTROLS[kind].by === "values";
}

function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
