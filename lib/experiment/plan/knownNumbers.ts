// What an earlier run in a folder measured of the aligned model: by its numbers a plan says how many items are needed.

import { join } from "node:path";
import { readTextAtMost } from "../../files/readAtMost.js";
import { STATUS_FILE } from "../../report/status.js";
import type { ExperimentSettings } from "../settings/schema.js";

/** Of the aligned model, as far as they were measured. */
export interface KnownNumbers {
  readonly asr?: number | undefined;
  readonly overRefusal?: number | undefined;
  readonly skills: Readonly<Record<string, number>>;
}

/**
 * The aligned model's numbers, where a run in this folder measured them with the same model, sets and judges.
 * @param folder of an earlier run
 */
export async function knownNumbers(folder: string, settings: ExperimentSettings): Promise<KnownNumbers> {
  try {
    const read = async (file: string) =>
      JSON.parse(await readTextAtMost(join(folder, file), { most: 2 ** 28, what: "an earlier run" })) as unknown;
    const before = (await read("experiment.json")) as ExperimentSettings;
    const { measured } = (await read(STATUS_FILE)) as { measured?: { aligned?: Aligned } };
    const same = (...keys: readonly (keyof ExperimentSettings)[]) => asked(before, keys) === asked(settings, keys);
    const { asr, overRefusal, skills = {} } = measured?.aligned ?? {};
    return {
      ...(same("safety") && { asr: rateOf(asr) }),
      ...(same("safety", "overRefusal") && { overRefusal: rateOf(overRefusal) }),
      skills: same("skills", "data", "bbh", "lmEval", "select") ? ratesOf(skills) : {},
    };
  } catch {
    return { skills: {} }; // no run was here yet
  }
}

interface Aligned {
  readonly asr?: Told;
  readonly overRefusal?: Told;
  readonly skills?: Readonly<Record<string, Told>>;
}

interface Told {
  readonly value?: unknown;
}

function ratesOf(all: Readonly<Record<string, Told>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, told]) => {
      const rate = rateOf(told);
      return rate === undefined ? [] : [[name, rate] as const];
    }),
  );
}

function rateOf({ value }: Told = {}): number | undefined {
  return typeof value === "number" && value >= 0 && value <= 1 ? value : undefined;
}

/** What decides the aligned model's numbers: of some sets, and of all. */
function asked(settings: ExperimentSettings, keys: readonly (keyof ExperimentSettings)[]): string {
  const all = ["aligned", "decoding", "system", "limit", ...keys] as const;
  return JSON.stringify(all.map((key) => settings[key]));
}
