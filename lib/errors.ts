// The one error class of the library and the one table from error codes to exit statuses.

/** Every failure has one of these codes; they are stable and may be matched on. */
export const EXIT_STATUS = {
  INTERNAL: 1,
  USAGE: 2,
  BAD_RECIPE: 3,
  BAD_INPUT: 4,
  INCOMPATIBLE: 5,
  NO_SPACE: 6,
  IO: 7,
  OUT_OF_MEMORY: 8,
  DEVICE: 9,
  GATE: 10,
  NETWORK: 11,
  OUTPUT_EXISTS: 12,
  DIVERGED: 13,
  SANDBOX: 14,
  DIFFERS: 15,
  CANCELLED: 130,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof EXIT_STATUS;

/**
 * What a code leaves open, for those who must tell its failures apart: a program asks this and not the message, whose words
 * may change. Stable as codes are.
 */
export type ErrorReason =
  /** BAD_INPUT: a prompt, with the new tokens asked for, is longer than the model's context. */
  | "context-length"
  /** OUT_OF_MEMORY: refused before it began; a shorter request may fit. */
  | "request-size"
  /** NETWORK: nobody answered, or nobody who could, after all attempts. */
  | "unreachable"
  /** NETWORK: what is asked for begins behind the file's end (HTTP 416). */
  | "range"
  /** NETWORK: the hub gives it only to accounts that accepted its terms. */
  | "gated"
  /** NETWORK, and BAD_INPUT of a model: there is no such repository, revision or file on the hub, or none that may be seen. */
  | "not-found"
  /** NETWORK: the hub wants a token, or does not take the one that it got. */
  | "token";

export interface ErrorFacts {
  /** What the code leaves open. */
  readonly reason?: ErrorReason | undefined;
  /** The file that is at fault. */
  readonly file?: string | undefined;
  /** The tensor that is at fault. */
  readonly tensor?: string | undefined;
  /** What the user can do about it. */
  readonly hint?: string | undefined;
  /** 1-based position in `file`, for recipes and JSON. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly cause?: unknown;
}

/** A failure with a stable code. `message` already names file, position and tensor; `hint` says what to do. */
export class RetemperError extends Error {
  readonly code: ErrorCode;
  readonly reason: ErrorReason | undefined;
  readonly file: string | undefined;
  readonly tensor: string | undefined;
  readonly hint: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(describe(message, facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "RetemperError";
    this.code = code;
    this.reason = facts.reason;
    this.file = facts.file;
    this.tensor = facts.tensor;
    this.hint = facts.hint;
    this.line = facts.line;
    this.column = facts.column;
  }

  /** The exit status of a command that ends with this error. */
  get exitStatus(): number {
    return EXIT_STATUS[this.code];
  }

  /** The same failure with another message or more facts; what is not given stays, and this error becomes the cause. */
  retold(message: string, facts: ErrorFacts = {}): RetemperError {
    const { reason, file, tensor, hint, line, column } = this;
    return new RetemperError(this.code, message, { reason, file, tensor, hint, line, column, cause: this, ...facts });
  }
}

function describe(message: string, { file, line, column, tensor }: ErrorFacts): string {
  const position = line === undefined ? "" : `:${line}${column === undefined ? "" : `:${column}`}`;
  const where = [file === undefined ? "" : `${file}${position}`, tensor === undefined ? "" : `tensor ${tensor}`];
  const prefix = where.filter((part) => part !== "" && !message.includes(part)).join(", ");
  return prefix === "" ? message : `${prefix}: ${message}`;
}

/** True for a code of the table above; native errors are checked with it. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(EXIT_STATUS, code);
}
