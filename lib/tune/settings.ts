// The options of a tuning, checked and complete.

import { RetemperError } from "../errors.js";
import type { Schedule, TuneOptions } from "./types.js";

/** What decides the result: two runs with the same settings on the same rows and model give the same adapter. */
export interface TuneSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly targetModules: string | readonly string[];
  readonly rslora: boolean;
  readonly dora: boolean;
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly schedule: Schedule;
  readonly warmupRatio: number;
  readonly maxGradNorm: number;
  readonly batchSize: number;
  readonly accumulate: number;
  readonly epochs: number;
  readonly maxSteps: number | undefined;
  readonly stopAfter: number | undefined;
  readonly shuffle: boolean;
  readonly groupByLength: boolean;
  readonly validation: number;
  readonly seed: number;
  readonly cutoff: number;
  readonly paperExact: boolean;
  readonly system: string | undefined;
  readonly saveSteps: number;
  readonly precision: "float32" | "bfloat16";
}

const DEFAULTS: TuneSettings = {
  rank: 8,
  alpha: 16,
  dropout: 0,
  targetModules: "all-linear",
  rslora: false,
  dora: false,
  learningRate: 1e-4,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0,
  schedule: "cosine",
  warmupRatio: 0.1,
  maxGradNorm: 1,
  batchSize: 8,
  accumulate: 1,
  epochs: 3,
  maxSteps: undefined,
  stopAfter: undefined,
  shuffle: true,
  groupByLength: false,
  validation: 0,
  seed: 42,
  cutoff: 1024,
  paperExact: false,
  system: undefined,
  saveSteps: 100,
  precision: "float32",
};

/** The paper's tasks (arXiv:2412.19512, appendix A), with the step whose checkpoint it takes; schedules span all epochs. */
const PAPER_STEPS = { reasoning: 500, code: 500, medical: 500, tools: 200 } as const;

type Check = readonly [wanted: string, fits: (value: number) => boolean];
const COUNT: Check = ["a whole number of at least 1", (n) => Number.isSafeInteger(n) && n >= 1];
const WHOLE: Check = ["a whole number of at least 0", (n) => Number.isSafeInteger(n) && n >= 0];
const POSITIVE: Check = ["a number above 0", (n) => n > 0];
const NOT_NEGATIVE: Check = ["a number of at least 0", (n) => n >= 0];
const SHARE: Check = ["at least 0 and below 1", (n) => n >= 0 && n < 1];

const CHECKS = {
  rank: COUNT,
  alpha: POSITIVE,
  dropout: SHARE,
  learningRate: POSITIVE,
  epsilon: POSITIVE,
  weightDecay: NOT_NEGATIVE,
  warmupRatio: ["from 0 to 1", (n) => n >= 0 && n <= 1],
  maxGradNorm: NOT_NEGATIVE,
  batchSize: COUNT,
  accumulate: COUNT,
  epochs: COUNT,
  maxSteps: COUNT,
  stopAfter: COUNT,
  validation: SHARE,
  seed: WHOLE,
  cutoff: ["a whole number of at least 2", (n) => Number.isSafeInteger(n) && n >= 2],
  saveSteps: WHOLE,
} as const satisfies Partial<Record<keyof TuneSettings, Check>>;

/**
 * @param family of the model, which a preset may depend on
 * @throws RetemperError USAGE that names the option which cannot be
 */
export function settingsOf(options: TuneOptions, family?: string): TuneSettings {
  const preset = presetOf(options, family);
  const given = Object.fromEntries(
    Object.keys(DEFAULTS).flatMap((key) => {
      const value = options[key as keyof TuneSettings];
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const settings: TuneSettings = { ...DEFAULTS, ...preset, ...given };
  for (const [key, [wanted, fits]] of Object.entries(CHECKS)) {
    const value = settings[key as keyof TuneSettings];
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isFinite(value) || !fits(value)) throw wrong(key, wanted, value);
  }
  const { betas, schedule, targetModules } = settings;
  if (!Array.isArray(betas) || betas.length !== 2 || !betas.every((beta) => beta >= 0 && beta < 1)) {
    throw wrong("betas", "two numbers from 0 to below 1", betas);
  }
  if (!["cosine", "linear", "constant"].includes(schedule)) {
    throw wrong("schedule", "cosine, linear or constant", schedule);
  }
  if (typeof settings.paperExact !== "boolean") throw wrong("paperExact", "true or false", settings.paperExact);
  if (!["float32", "bfloat16"].includes(settings.precision)) {
    throw wrong("precision", "float32 or bfloat16", settings.precision);
  }
  const names = typeof targetModules === "string" ? [targetModules] : targetModules;
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === "string" && name !== "")) {
    throw wrong("targetModules", "names, a regular expression or all-linear", targetModules);
  }
  return settings;
}

/** Beyond the defaults, which are the paper's but for these. */
function presetOf({ preset, task }: TuneOptions, family: string | undefined): Partial<TuneSettings> {
  const tasks = Object.keys(PAPER_STEPS).join(", ");
  if (task !== undefined && !Object.hasOwn(PAPER_STEPS, task)) throw wrong("task", `one of ${tasks}`, task);
  if (preset === undefined && task !== undefined) {
    throw new RetemperError("USAGE", "a task chooses the checkpoint of the preset paper", {
      hint: "give preset paper too, or stopAfter instead",
    });
  }
  if (preset === undefined) return {};
  if (preset !== "paper") throw wrong("preset", "paper", preset);
  return {
    validation: 0.1,
    stopAfter: PAPER_STEPS[task ?? "reasoning"],
    paperExact: true, // long rows are cut as LLaMA-Factory cuts them, which the authors tuned with
    ...(family?.startsWith("gemma") && { batchSize: 4 }),
  };
}

function wrong(key: string, wanted: string, value: unknown): RetemperError {
  return new RetemperError("USAGE", `${key} must be ${wanted}, not ${JSON.stringify(value)?.slice(0, 100)}`);
}
