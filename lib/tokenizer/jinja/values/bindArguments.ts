// Arguments of a call matched with the names of a function's parameters, with Python's errors.

import { typeError } from "./pythonError.js";
import type { Native, Run, Value } from "./value.js";

interface Parameters {
  readonly names: readonly string[];
  /** How many come by position only. */
  readonly positional: number;
  readonly required: number;
}

/** "sub, start?, end?, /": a question mark where it may be left out, a stroke after those that come by position only. */
function parse(signature: string): Parameters {
  const parts = signature === "" ? [] : signature.split(", ");
  const stroke = parts.indexOf("/");
  const named = parts.filter((part) => part !== "/");
  return {
    names: named.map((part) => part.replace("?", "")),
    positional: Math.max(0, stroke),
    required: named.filter((part) => !part.endsWith("?")).length,
  };
}

/**
 * A function whose arguments come in the order of its signature; undefined for those that were left out.
 * @param signature Names in order, such as "sub, start?, end?, /".
 * @returns A function that throws PythonError TypeError for arguments that do not fit.
 */
export function withSignature(
  name: string,
  signature: string,
  body: (run: Run, ...args: (Value | undefined)[]) => Value,
): Native {
  const { names, positional, required } = parse(signature);
  return (run, args, keywords) => {
    if (args.length > names.length) {
      throw typeError(`${name}() takes at most ${names.length} arguments (${args.length} given)`);
    }
    if (keywords.size === 0 && args.length >= required) return body(run, ...args);
    const bound: (Value | undefined)[] = [...args];
    for (const [key, value] of keywords) {
      const index = names.indexOf(key);
      if (index < positional) throw typeError(`${name}() got an unexpected keyword argument '${key}'`);
      if (index < args.length) throw typeError(`${name}() got multiple values for argument '${key}'`);
      bound[index] = value;
    }
    for (let index = 0; index < required; index += 1) {
      if (bound[index] === undefined) throw typeError(`${name}() missing required argument: '${names[index]}'`);
    }
    return body(run, ...bound);
  };
}
