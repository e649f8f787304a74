// The rows of a training as token ids, divided into those that are learned and those that validate.

import { RetemperError } from "../../errors.js";
import type { TunedModel } from "../tunedModel.js";
import type { TuneRow } from "../types.js";
import { holdOut } from "./batches.js";
import { encodeRows } from "./encodeRows.js";
import type { Encoded } from "./encodeSamples.js";
import type { Example } from "./example.js";

export interface TrainingRows extends Encoded {
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
}

/** The ids before the first that is learned. */
function promptOf({ ids, learned }: Example): string {
  return ids.slice(0, Math.max(0, learned.indexOf(true))).join();
}

/** @throws RetemperError (BAD_INPUT) with the place of a row that cannot be learned, USAGE where no row is left to learn */
export async function readTrainingRows(
  data: string | readonly TuneRow[],
  { folder, spec, settings }: TunedModel,
): Promise<TrainingRows> {
  const encoded = await encodeRows(data, folder, spec, settings);
  const { train, validation } = holdOut(encoded.examples, settings.validation, settings.seed, promptOf);
  if (train.length === 0) throw new RetemperError("USAGE", "validation leaves no row to learn");
  return { ...encoded, train, validation };
}
