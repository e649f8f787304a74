// The folder of a data set: what marks it as one, and how it is written, whole or not at all.

import { join, resolve } from "node:path";
import { ioError } from "../../files/ioError.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { OutputKind } from "../../output/checkPlace.js";
import { openStaging, type StagingOptions } from "../../output/openStaging.js";

export const RECORD = "data.json";

/** Only a folder with the files of a data set and nothing else is replaced. */
export const DATA_SET: OutputKind = {
  what: "data set",
  isOne: (names) =>
    names.includes(RECORD) && names.every((name) => name === RECORD || /^(train|validation|test)\.jsonl$/.test(name)),
  hint: "choose another folder, or --force",
};

/**
 * Writes the files into a folder beside `out`, which then takes the name; a data set that was there has it until then.
 * @throws RetemperError OUTPUT_EXISTS while another run writes there; NO_SPACE, IO; what `options.check` throws
 */
export async function writeDataSet(
  out: string,
  files: ReadonlyMap<string, string>,
  options: StagingOptions,
): Promise<void> {
  const place = resolve(out);
  const staging = await openStaging(place, options);
  try {
    for (const [name, text] of files) {
      await writeWhole(join(staging.folder, name), text, "nothing of the set was kept");
    }
    await staging.publish();
  } catch (error) {
    throw ioError(error, place, "cannot write");
  } finally {
    await staging.close();
  }
}
