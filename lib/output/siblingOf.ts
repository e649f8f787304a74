// The names of what a run keeps beside its output: hidden, and found again by the next run.

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** Bytes. A longer name would push those beside it over the usual 255. */
const LONGEST_NAME = 200;

/** `.NAME.what` in the folder of `out`; of a long name its digest. */
export function siblingOf(out: string, what: string): string {
  const name = basename(out);
  const short = Buffer.byteLength(name) <= LONGEST_NAME;
  const stem = short ? name : createHash("sha256").update(name).digest("hex").slice(0, 32);
  return join(dirname(out), `.${stem}.${what}`);
}
