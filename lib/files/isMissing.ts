// The errors of system calls that mean: nothing has this name.

const MISSING: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG"]);

/** Whether a call failed because there is no such file. What cannot be looked at is not missing. */
export function isMissing(error: unknown): boolean {
  return MISSING.has((error as NodeJS.ErrnoException | undefined)?.code);
}
