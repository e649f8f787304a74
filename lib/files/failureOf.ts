// What any failure means: whoever calls the library last, as the command does, needs a code for all of them.

import { isErrorCode, RetemperError } from "../errors.js";
import { ioError, isSystemError } from "./ioError.js";

/** The error itself if it is one of the library's, one with a system call's remedy where that failed, else INTERNAL. */
export function failureOf(error: unknown): RetemperError {
  if (error instanceof RetemperError) return error;
  const { code, file, tensor, hint } = (error ?? {}) as Partial<Record<"code" | "file" | "tensor" | "hint", string>>;
  const message = error instanceof Error ? error.message : String(error);
  if (isErrorCode(code)) return new RetemperError(code, message, { file, tensor, hint, cause: error }); // of the addon
  if (isSystemError(error)) return ioError(error, error.path, error.syscall ?? "it failed");
  return new RetemperError("INTERNAL", message, { cause: error });
}
