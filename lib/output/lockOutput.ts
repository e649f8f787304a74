// Keeps a second run away from an output, and says who is there.

import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import type { LockAttempt, OutputLock } from "./lockAttempt.js";
import { describeHolder } from "./lockHolder.js";
import { tryLock } from "./tryLock.js";

/**
 * @param out what is written, for messages
 * @param path the lock's file, in or beside it
 * @param remedy what else a run that is refused can do
 * @throws RetemperError OUTPUT_EXISTS while another run has it; IO, NO_SPACE where the file cannot be made
 */
export function lockOutput(out: string, path: string, remedy?: string): OutputLock {
  let attempt: LockAttempt;
  try {
    attempt = tryLock(path);
  } catch (error) {
    const failure = ioError(error, out, "cannot write there");
    if (failure.code !== "BAD_INPUT") throw failure;
    // the addon's word for a path that leads nowhere
    throw new RetemperError("IO", failure.message, { file: out, hint: failure.hint, cause: error });
  }
  if (attempt.lock) return attempt.lock;
  const { holder, file } = attempt;
  const who = holder === undefined ? "" : ` (${describeHolder(holder)})`;
  const left = file === path ? "" : `; if no run is left, remove ${file}`;
  const more = remedy === undefined ? "" : `; ${remedy}`;
  throw new RetemperError("OUTPUT_EXISTS", `another run is writing ${out}${who}`, {
    file: out,
    hint: `wait until it has ended, or choose another output${left}${more}`,
  });
}
