// Adds to the card of an output what was measured of it after it was written; the output stays one that `verify` finds whole.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { isMissing } from "../files/isMissing.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeWhole } from "../files/writeWhole.js";
import { CARD_FILE, withSections } from "./card.js";
import { RECORD_FILE, withOutput } from "./record.js";

/**
 * Puts sections into the README.md of an output, in place of those of before, and its new digest into the output's record.
 * Both files appear whole; stopped between the two, `verify` says that the card is not as it was recorded, until this is done again.
 * @param folder an output of `merge`; without a card nothing is done
 * @param sections Markdown that begins with the heading "## Results"
 * @throws RetemperError IO, NO_SPACE; BAD_INPUT for a record that cannot be read
 */
export async function addToCard(folder: string, sections: string): Promise<void> {
  const [file, record] = [join(folder, CARD_FILE), join(folder, RECORD_FILE)];
  const before = await readTextAtMost(file, { most: 2 ** 26, what: "a model card" }).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  if (before === undefined) return;
  const card = withSections(before, sections);
  const bytes = Buffer.from(card);
  const output = { path: CARD_FILE, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  const recorded = await withOutput(folder, output);
  if (card !== before) await writeWhole(file, card);
  if (recorded !== undefined) await writeWhole(record, recorded);
}
