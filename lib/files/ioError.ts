// The one table from what a system call failed of to a code and a remedy.

import { constants } from "node:os";
import { type ErrorCode, isErrorCode, RetemperError } from "../errors.js";

interface Remedy {
  readonly code: ErrorCode;
  readonly hint: string;
}

const IO = (hint: string): Remedy => ({ code: "IO", hint });
const NO_SPACE = (hint: string): Remedy => ({ code: "NO_SPACE", hint });

const REMEDIES: Readonly<Record<string, Remedy>> = {
  ENOSPC: NO_SPACE("the disk is full: free some space, or choose an output on another disk"),
  EDQUOT: NO_SPACE("your disk quota is used up: free some space, or choose another disk"),
  EFBIG: NO_SPACE("the file system or a limit (ulimit -f) forbids files of this size"),
  EACCES: IO("check the permissions of the folder, or choose another one"),
  EPERM: IO("check the permissions of the folder, or choose another one"),
  EROFS: IO("the file system is mounted read-only: choose another output folder"),
  ENAMETOOLONG: IO("choose a shorter name"),
  ENOENT: IO("check the path; the file system may not take folders there"),
  ENOTDIR: IO("a part of the path is a file: choose another output folder"),
  EEXIST: IO("a file is where a folder must be: choose another output folder"),
  EISDIR: IO("a folder is where a file must be: choose another name"),
  ELOOP: IO("the links on the path lead in a circle"),
  EMFILE: IO("too many open files: raise the limit (ulimit -n 1024)"),
  ENFILE: IO("the system has too many open files: end other programs"),
  EIO: IO("the storage reported an error: check the disk"),
  ENOMEM: { code: "OUT_OF_MEMORY", hint: "free some memory, or lower --max-memory or --threads" },
};

/**
 * A RetemperError for a failed system call, of node:fs or of the addon; errors that are ours already pass unchanged.
 * @param what what could not be done, such as "cannot write"
 * @param whenFull what the user is also told where space ran out, such as what is kept
 */
export function ioError(error: unknown, file: string | undefined, what: string, whenFull?: string): RetemperError {
  if (error instanceof RetemperError) return error;
  const { message = String(error), hint } = error as NodeJS.ErrnoException & { readonly hint?: string };
  const code = systemCode(error as NodeJS.ErrnoException);
  const remedy = isErrorCode(code) ? { code, hint: hint || undefined } : REMEDIES[code];
  const more = remedy?.code === "NO_SPACE" && whenFull !== undefined ? `; ${whenFull}` : "";
  const advice = remedy?.hint === undefined ? undefined : `${remedy.hint}${more}`;
  return new RetemperError(remedy?.code ?? "IO", `${what}: ${message}`, { file, hint: advice, cause: error });
}

/** Node calls some errors, such as EDQUOT, "Unknown system error -122" or "UNKNOWN". */
function systemCode({ code = "", errno }: NodeJS.ErrnoException): string {
  if (!/^unknown/i.test(code) || errno === undefined) return code;
  return Object.entries(constants.errno).find(([, number]) => number === -errno)?.[0] ?? code;
}

/** Whether a file, a folder or their disk is at fault, and no server. */
export function isFileError(error: unknown): boolean {
  return isSystemError(error) && Object.hasOwn(REMEDIES, systemCode(error));
}

/** Whether a system call failed, of node:fs or of the network. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return error instanceof Error && typeof syscall === "string" && typeof code === "string";
}
