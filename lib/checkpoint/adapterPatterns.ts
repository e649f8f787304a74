// rank_pattern and alpha_pattern: PEFT matches each key as the Python regular expression `(.*\.)?(key)$` against the
// module's name; the first key that matches counts.

import { runInNewContext } from "node:vm";
import { RetemperError } from "../errors.js";

const TIME_LIMIT_MS = 2000;

/**
 * The value of each module under a pattern; modules that no key matches are absent.
 * Keys come from a file of unknown origin, so matching has a time limit: a regular expression can be made to run forever.
 * @throws RetemperError BAD_INPUT for a key that is no regular expression, or takes too long.
 */
export function matchPattern(
  pattern: ReadonlyMap<string, number>,
  modules: readonly string[],
  what: string,
  file: string,
): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  if (pattern.size === 0) return values;
  const keys = [...pattern.keys()];
  const forms = keys.map((key) => {
    try {
      return new RegExp(`^(?:.*\\.)?(?:${fromPython(key)})$`);
    } catch (cause) {
      throw new RetemperError("BAD_INPUT", `${what}: ${JSON.stringify(key)} is not a regular expression`, {
        file,
        cause,
      });
    }
  });
  let found: readonly number[];
  try {
    // a context of its own only for its time limit, which stops regular expressions too
    found = runInNewContext(
      "modules.map((name) => forms.findIndex((form) => form.test(name)))",
      { forms, modules },
      { timeout: TIME_LIMIT_MS },
    );
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    throw new RetemperError("BAD_INPUT", `${what}: its regular expressions take more than ${TIME_LIMIT_MS / 1000} s`, {
      file,
      hint: "Replace them by plain module names.",
      cause,
    });
  }
  for (const [i, module] of modules.entries()) {
    const key = keys[found[i] ?? -1];
    if (key !== undefined) values.set(module, pattern.get(key) as number);
  }
  return values;
}

/** The few spellings that Python's syntax has and JavaScript's has not. */
function fromPython(key: string): string {
  return key
    .replaceAll("(?P<", "(?<")
    .replace(/\(\?P=(\w+)\)/g, "\\k<$1>")
    .replaceAll("\\A", "^")
    .replaceAll("\\Z", "$");
}
