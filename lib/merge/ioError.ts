// Turns what the file system threw into an error with a code, the path and a remedy.

import { type ErrorCode, RetemperError } from "../errors.js";

const REMEDIES: Readonly<Record<string, { readonly code: ErrorCode; readonly hint: string }>> = {
  ENOSPC: { code: "NO_SPACE", hint: "free some space or choose an output on another disk" },
  EDQUOT: { code: "NO_SPACE", hint: "your disk quota is used up: free some space or choose another disk" },
  EFBIG: { code: "NO_SPACE", hint: "the file system or a limit (ulimit -f) forbids files of this size" },
  EACCES: { code: "IO", hint: "check the permissions of the folder, or choose another one" },
  EPERM: { code: "IO", hint: "check the permissions of the folder, or choose another one" },
  EROFS: { code: "IO", hint: "the file system is mounted read-only: choose another output folder" },
  ENAMETOOLONG: { code: "IO", hint: "choose a shorter name" },
  ENOENT: { code: "IO", hint: "check the path; the file system may not take folders there" },
  ENOTDIR: { code: "IO", hint: "a part of the path is a file: choose another output folder" },
  EMFILE: { code: "IO", hint: "too many open files: raise the limit (ulimit -n)" },
  ENFILE: { code: "IO", hint: "the system has too many open files" },
  ENOMEM: { code: "OUT_OF_MEMORY", hint: "lower --max-memory or --threads" },
};

/** A RetemperError for a failed call of node:fs; errors that have a code already pass unchanged. */
export function ioError(error: unknown, file: string, what: string): RetemperError {
  if (error instanceof RetemperError) return error;
  const { code = "", message = String(error) } = error as NodeJS.ErrnoException;
  const remedy = REMEDIES[code];
  return new RetemperError(remedy?.code ?? "IO", `${what}: ${message}`, { file, hint: remedy?.hint, cause: error });
}
