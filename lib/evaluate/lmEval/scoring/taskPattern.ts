// A pattern that a task's file names.

import { type TaskConfig, unsupported } from "../files/taskConfig.js";
import { PythonRegex } from "../python/pythonRegex.js";
import { PatternError } from "../python/translatePattern.js";

/**
 * @param key where it stands, for messages
 * @throws RetemperError INCOMPATIBLE for what is no pattern, or holds what is not known here
 */
export function taskPattern(text: unknown, config: TaskConfig, key: string): PythonRegex {
  try {
    return new PythonRegex(String(text));
  } catch (cause) {
    if (!(cause instanceof PatternError)) throw cause;
    throw unsupported(config, key, cause.message);
  }
}
