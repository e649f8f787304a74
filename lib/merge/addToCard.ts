// Adds to the card of an output what was measured of it after it was written; the output stays one that `verify` finds whole.

import { createHash } from "node:crypto";
import { cp, link, readdir } from "node:fs/promises";
import { join } from "node:path";
import { ioError } from "../files/ioError.js";
import { isMissing } from "../files/isMissing.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeWhole } from "../files/writeWhole.js";
import { openStaging } from "../output/openStaging.js";
import { CARD_FILE, withSections } from "./card.js";
import { RECORD_FILE, withOutput } from "./record.js";

/**
 * Puts sections into the README.md of an output, in place of those of before, and its new digest into the output's record.
 * Both change in one step: a folder with the new ones and with hard links to all other files takes the output's place.
 * @param folder an output of `merge`; without a card nothing is done
 * @param sections Markdown that begins with the heading "## Results"
 * @throws RetemperError IO, NO_SPACE; BAD_INPUT for a record that cannot be read; OUTPUT_EXISTS while another run writes there
 */
export async function addToCard(folder: string, sections: string): Promise<void> {
  const staging = await openStaging(folder, { force: true });
  try {
    const before = await readTextAtMost(join(folder, CARD_FILE), { most: 2 ** 26, what: "a model card" }).catch(
      (error: unknown) => {
        if (!isMissing(error)) throw error;
      },
    );
    if (before === undefined) return;
    const card = withSections(before, sections);
    const bytes = Buffer.from(card);
    const output = { path: CARD_FILE, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
    const record = await withOutput(folder, output);
    if (card === before && record === undefined) return;
    const changed = new Map([[CARD_FILE, card], ...(record === undefined ? [] : [[RECORD_FILE, record] as const])]);
    await linkOthers(folder, staging.folder, changed);
    for (const [name, text] of changed) await writeWhole(join(staging.folder, name), text);
    await staging.publish();
  } finally {
    await staging.close();
  }
}

/** What has not changed is the same file under both names; where the file system has no hard links, it is copied. */
async function linkOthers(from: string, to: string, changed: ReadonlyMap<string, string>): Promise<void> {
  for (const name of await readdir(from)) {
    if (changed.has(name)) continue;
    const [old, staged] = [join(from, name), join(to, name)];
    try {
      await link(old, staged).catch(() => cp(old, staged, { recursive: true, preserveTimestamps: true }));
    } catch (error) {
      throw ioError(error, staged, "cannot write");
    }
  }
}
