// Errors on their way between threads: structured cloning would make a RetemperError a plain Error without its code.

import { type ErrorCode, type ErrorReason, RetemperError } from "../errors.js";
import { failureOf } from "../files/failureOf.js";

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason: ErrorReason | undefined;
  readonly file: string | undefined;
  readonly tensor: string | undefined;
  readonly hint: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Where it happened in the other thread. */
  readonly stack: string | undefined;
}

export function toWire(error: unknown): WireError {
  const { code, message, reason, file, tensor, hint, line, column } = failureOf(error);
  return {
    code,
    message,
    reason,
    file,
    tensor,
    hint,
    line,
    column,
    stack: error instanceof Error ? error.stack : undefined,
  };
}

/** The error as it was, with the stack of `site`, the place that called into the other thread; its own is the cause's. */
export function fromWire(wire: WireError, site: Error): RetemperError {
  const { code, message, stack, ...facts } = wire;
  const cause = new Error(message);
  cause.stack = stack ?? message;
  return at(site, new RetemperError(code, message, { ...facts, cause }));
}

/** Gives an error the stack of the place that is to be blamed: what made it has none of the caller's. */
export function at(site: Error, error: RetemperError): RetemperError {
  const frames = site.stack?.split("\n").slice(1).join("\n") ?? "";
  error.stack = `${error.name}: ${error.message}\n${frames}`;
  return error;
}

/** What is left to say when a thread ended by itself. */
export function diedOf(cause: unknown, what = "model", remedy = "open the model again"): RetemperError {
  const { code, message } = cause as { code?: string; message?: string };
  const died = `the thread of the ${what} ended: ${message ?? String(cause)}`;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new RetemperError("OUT_OF_MEMORY", died, {
      cause,
      hint: "give JavaScript more memory: NODE_OPTIONS=--max-old-space-size=8192",
    });
  }
  return new RetemperError("INTERNAL", died, { cause, hint: remedy });
}
