// Presets: values for what an experiment does not say.

import type { Experiment } from "./schema.js";

type Preset = Partial<Omit<Experiment, "tune" | "safety">> & {
  readonly tune?: Partial<Experiment["tune"]>;
  readonly safety?: Partial<Experiment["safety"]>;
};

const PRESETS: Readonly<Record<NonNullable<Experiment["preset"]>, Preset>> = {
  // arXiv:2412.19512; it does not say DARE's drop rate. Its tasks and sets have their own decoding.
  paper: {
    tune: { seeds: [42, 1024, 48763], options: { preset: "paper" } },
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
    limit: 50,
  },
};

/** The names of presets, for messages. */
export const PRESET_NAMES = Object.keys(PRESETS);

/** What the preset says of what was not given; of tune and safety key by key. */
export function withPreset(given: unknown): unknown {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
  const experiment = given as Partial<Experiment>;
  const name = experiment.preset;
  if (name === undefined || !Object.hasOwn(PRESETS, name)) return given;
  const { tune, safety, ...rest } = PRESETS[name];
  return {
    ...rest,
    ...experiment,
    ...(isObject(experiment.tune) && {
      tune: { ...tune, ...experiment.tune, options: { ...tune?.options, ...experiment.tune.options } },
    }),
    ...((isObject(experiment.safety) || safety?.sets !== undefined) && { safety: { ...safety, ...experiment.safety } }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
