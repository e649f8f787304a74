// An error that a template meets while it is read or rendered, named as Python names it: jinja2's own (TemplateSyntaxError,
// UndefinedError, SecurityError and so on) and Python's (TypeError, ValueError and so on).

export class PythonError extends Error {
  /** The name of Python's class. */
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

export function typeError(message: string): PythonError {
  return new PythonError("TypeError", message);
}

export function valueError(message: string): PythonError {
  return new PythonError("ValueError", message);
}

/** True for an error of one of the kinds, as `except` takes a tuple of classes. */
export function isKind(error: unknown, ...kinds: readonly string[]): error is PythonError {
  return error instanceof PythonError && kinds.includes(error.kind);
}
