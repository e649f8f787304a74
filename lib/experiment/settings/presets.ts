// Presets: values for what an experiment does not say. docs/experiment.md has a table of what the paper's preset does and why,
// which test/unit/experiment/paperPreset.test.ts holds against the resolved settings.

import { paperTaskOf, scoredWithBert } from "./paperTask.js";
import type { Experiment } from "./schema.js";

/** Of each safety set at most, with the preset quick: with fewer requests its result is exploratory. */
export const QUICK_ITEMS = 240;

/** What the paper scores medical answers and tool calls with. */
const ENCODER = { model: "microsoft/deberta-xlarge-mnli", layer: 40 };

type Preset = Partial<Omit<Experiment, "tune" | "safety">> & {
  readonly tune?: Partial<Experiment["tune"]>;
  readonly safety?: Partial<Experiment["safety"]>;
};

const PRESETS: Readonly<Record<NonNullable<Experiment["preset"]>, Preset>> = {
  // arXiv:2412.19512; it does not say DARE's drop rate. Its tasks and sets have their own decoding.
  paper: {
    // the tenth that validates is in task.validation already: a tuning holds nothing out once more
    tune: { seeds: [42, 1024, 48763], options: { preset: "paper", validation: 0 } },
    methods: ["linear", "slerp", { method: "dare_linear", parameters: { density: 0.5 } }, "model_stock"],
    lambda: [0.2, 0.4, 0.6, 0.8],
    safety: { sets: ["advbench", "hexphi"], judges: ["wildguard", "keyword"] },
    select: { rule: "score" },
  },
  quick: {
    tune: { seeds: [42], options: { epochs: 1 } },
    methods: ["linear"],
    lambda: [0.2, 0.4, 0.6, 0.8],
    safety: { judges: ["keyword"] },
    decoding: { maxNewTokens: 64 },
    limit: QUICK_ITEMS,
  },
};

/** The names of presets, for messages. */
export const PRESET_NAMES = Object.keys(PRESETS);

/**
 * What the preset says of what was not given; of tune and safety key by key. `paperExact` is said once for evaluations and
 * tunings.
 */
export function withPreset(given: unknown): unknown {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
  const { paperExact, tune } = given as Partial<Experiment>;
  if (paperExact === undefined || !isObject(tune)) return filledIn(given);
  return filledIn({ ...given, tune: { ...tune, options: { paperExact, ...tune.options } } });
}

function filledIn(given: object): unknown {
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  const experiment = Object.fromEntries(said) as Partial<Experiment>;
  const name = experiment.preset;
  if (name === undefined || !Object.hasOwn(PRESETS, name)) return given;
  const paper = name === "paper";
  const task = paper ? paperTaskOf(experiment) : undefined;
  const { tune, safety, ...rest } = PRESETS[name];
  return {
    ...rest,
    ...(paper && scoredWithBert(experiment) && { bertScore: ENCODER }),
    ...experiment,
    ...(isObject(experiment.tune) && {
      tune: {
        ...tune,
        ...experiment.tune,
        options: { ...tune?.options, ...(task !== undefined && { task }), ...experiment.tune.options },
      },
    }),
    ...((isObject(experiment.safety) || safety?.sets !== undefined) && { safety: { ...safety, ...experiment.safety } }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
