// A value taken apart into a number of parts, as in `for key, value in pairs`.

import { isIterable, iterate } from "./iterate.js";
import { typeError, valueError } from "./pythonError.js";
import { typeName } from "./typeName.js";
import type { Run, Value } from "./value.js";

/** @throws PythonError TypeError for what has no parts, ValueError for another number of them. */
export function unpack(run: Run, value: Value, count: number): Value[] {
  if (!isIterable(run, value)) throw typeError(`cannot unpack non-iterable ${typeName(value)} object`);
  const parts: Value[] = [];
  for (const part of iterate(run, value)) {
    if (parts.length === count) throw valueError(`too many values to unpack (expected ${count})`);
    parts.push(part);
  }
  if (parts.length < count) throw valueError(`not enough values to unpack (expected ${count}, got ${parts.length})`);
  return parts;
}
