// A file of a study that several processes may write at once: each writes one of its own, and the last one that is whole stays.

import { randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { ioError } from "../../files/ioError.js";
import { writeWhole } from "../../files/writeWhole.js";

/** @throws RetemperError NO_SPACE, IO */
export async function writeBeside(path: string, text: string): Promise<void> {
  const own = `${path}.${randomBytes(6).toString("hex")}`;
  await writeWhole(own, text);
  try {
    await rename(own, path);
  } catch (error) {
    await rm(own, { force: true }).catch(() => {});
    throw ioError(error, path, "cannot write");
  }
}
