// Decides whether a tuning may be written to its output, which it may go on with.

import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { exists } from "../../files/exists.js";
import { checkPlace, type OutputKind } from "../../output/checkPlace.js";
import { outputState } from "../../output/outputState.js";
import { type Input, refuseOverlap } from "../../output/refuseOverlap.js";
import { siblingOf } from "../../output/siblingOf.js";

/** Takes part in every output of a tuning: what has none is never replaced. */
export const RECORD = "tuning.json";

const TUNING: OutputKind = {
  what: "tuning",
  isOne: (names) => names.includes(RECORD) || names.includes("adapter_config.json"),
  ignored: [`${RECORD}.partial`],
  hint: "choose another folder, --resume to go on with it, or --force to begin anew",
};

export interface PlaceOptions {
  readonly force?: boolean | undefined;
  readonly resume?: boolean | undefined;
}

/** Where a tuning is written that replaces another: `--resume` finds it there. */
export function besideOf(out: string): string {
  return siblingOf(out, "tuning-new");
}

/**
 * An existing output is refused without `force` or `resume`, one that is, holds or lies in an input always.
 * @throws RetemperError OUTPUT_EXISTS; USAGE
 */
export async function checkTuning(
  out: string,
  inputs: readonly Input[],
  { force = false, resume = false }: PlaceOptions,
): Promise<void> {
  if (force && resume) throw new RetemperError("USAGE", "force begins anew and resume goes on: give one of them");
  if (!resume) {
    await checkPlace(out, inputs, TUNING, force);
    return;
  }
  await refuseOverlap(out, inputs);
  if ((await outputState(out, TUNING.ignored)) !== "exists") return;
  if ((await isBegun(out)) || (await isBegun(besideOf(out)))) return;
  throw new RetemperError("OUTPUT_EXISTS", `the output ${out} is of no tuning that could go on`, {
    file: out,
    hint: "choose another folder, or leave --resume out",
  });
}

/** Whether a tuning was begun in a folder, so that it can go on. */
export async function isBegun(folder: string): Promise<boolean> {
  return exists(join(folder, RECORD));
}
