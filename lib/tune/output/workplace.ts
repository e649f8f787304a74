// Where a training writes. A new output is written in its place, where it becomes an adapter once it is complete; one that
// replaces another is written beside it and takes its name when it is whole, so the old one is there until then.

import { rm } from "node:fs/promises";
import { ioError } from "../../files/ioError.js";
import { lockBeside } from "../../output/lockBeside.js";
import { outputState } from "../../output/outputState.js";
import { publishFolder } from "../../output/publishFolder.js";
import { giveBack, recover } from "../../output/recover.js";
import type { Input } from "../../output/refuseOverlap.js";
import { siblingOf } from "../../output/siblingOf.js";
import { besideOf, checkTuning, isBegun, type PlaceOptions } from "./place.js";

export interface Workplace {
  /** What is written to. */
  readonly folder: string;
  /** Gives the output its name. */
  publish(): Promise<void>;
  /** Lets the next run in; what was written stays. */
  close(): Promise<void>;
}

/**
 * Takes the output's lock, gives an output back that a killed run had moved aside, and checks the place.
 * @param inputs what the output must be apart from
 * @param options `resume` goes on with a replacement that was begun, where there is one
 * @throws RetemperError OUTPUT_EXISTS, also while another run writes there; USAGE; IO, NO_SPACE
 */
export async function openWorkplace(out: string, inputs: readonly Input[], options: PlaceOptions): Promise<Workplace> {
  const lock = await lockBeside(out);
  try {
    await recover(out);
    return { ...(await placeOf(out, inputs, options)), close: lock.release };
  } catch (error) {
    await lock.release();
    throw ioError(error, out, "the output's place cannot be prepared");
  }
}

async function placeOf(
  out: string,
  inputs: readonly Input[],
  options: PlaceOptions,
): Promise<Omit<Workplace, "close">> {
  const [beside, aside] = [besideOf(out), siblingOf(out, "tuning-old")];
  await giveBack(out, aside);
  await checkTuning(out, inputs, options);
  if (!(options.resume && (await isBegun(beside)))) {
    await rm(beside, { recursive: true, force: true });
    const isReplaced = options.force && (await outputState(out)) === "exists";
    if (!isReplaced) return { folder: out, publish: async () => {} };
  }
  return { folder: beside, publish: () => publishFolder(beside, out, aside) };
}
