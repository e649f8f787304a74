// Keeps a second run away from an output, and says who is there.

import { isErrorCode, RetemperError } from "../errors.js";
import { describeHolder } from "./lockHolder.js";
import { type LockAttempt, type OutputLock, tryLock } from "./tryLock.js";

/**
 * @param out what is written, for messages
 * @param path the lock's file, in or beside it
 * @throws RetemperError OUTPUT_EXISTS while another run has it; IO, NO_SPACE where the file cannot be made
 */
export function lockOutput(out: string, path: string): OutputLock {
  let attempt: LockAttempt;
  try {
    attempt = tryLock(path);
  } catch (error) {
    throw cannotLock(error, out);
  }
  if (attempt.lock) return attempt.lock;
  const { holder, file } = attempt;
  const who = holder === undefined ? "" : ` (${describeHolder(holder)})`;
  const left = file === path ? "" : `; if no run is left, remove ${file}`;
  throw new RetemperError("OUTPUT_EXISTS", `another run is writing ${out}${who}`, {
    file: out,
    hint: `wait until it has ended, or choose another output${left}`,
  });
}

function cannotLock(error: unknown, out: string): RetemperError {
  const { code, message = String(error), hint } = error as { code?: string; message?: string; hint?: string };
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "NO_SPACE";
  const known = isErrorCode(code) && code === "OUT_OF_MEMORY";
  return new RetemperError(known ? code : full ? "NO_SPACE" : "IO", `cannot write there: ${message}`, {
    file: out,
    hint:
      hint || (full ? "free some space, or choose another output" : "check that the folder exists and can be written"),
    cause: error,
  });
}
