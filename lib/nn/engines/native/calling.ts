// Calls into the addon that fail as the rest of the library does.

import { fromNative } from "../../../addon/job.js";

/** What native code throws becomes a RetemperError. */
export function calling<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}
