// What a name or an attribute that is not there gives. It prints as nothing and is false; other uses of it are errors, and
// then the message says what was missing.

import { PythonError } from "./pythonError.js";

export interface Absence {
  /** The message, where it is not made of the other two. */
  readonly hint?: string;
  /** Description of what has no such attribute. */
  readonly owner?: string;
  readonly name?: unknown;
  /** The name, as `repr` writes it. */
  readonly nameText?: () => string;
  readonly kind?: "UndefinedError" | "SecurityError";
  /** Whether it prints as nothing and is false in strict templates, too: what an `if` without `else` gives. */
  readonly lenient?: boolean;
}

export class Undefined {
  readonly #absence: Absence;

  constructor(absence: Absence) {
    this.#absence = absence;
  }

  /** Whether it may only be asked whether it is defined. */
  isStrict(run: { readonly strict?: boolean | undefined }): boolean {
    return run.strict === true && this.#absence.lenient !== true;
  }

  /** The error of using it. */
  failure(): PythonError {
    const { hint, owner, name, nameText, kind = "UndefinedError" } = this.#absence;
    if (hint !== undefined) return new PythonError(kind, hint);
    const text = nameText?.() ?? "";
    if (owner === undefined) return new PythonError(kind, `${text} is undefined`);
    return new PythonError(
      kind,
      typeof name === "string" ? `'${owner}' has no attribute ${text}` : `${owner} has no element ${text}`,
    );
  }
}
