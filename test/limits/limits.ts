// What the tests of limits ask of the machine, and how much they do: all of it with `npm run test:limits`.

import { existsSync } from "node:fs";

/** All of it: minutes, and gigabytes on the disk for a moment. */
export const long = process.env.RETEMPER_TEST_LIMITS === "1";

/** Why these tests cannot run here; undefined where they can. */
export const skipReason = existsSync("/proc/self/status") ? undefined : "no /proc/self/status to read memory from";
if (skipReason !== undefined) process.stderr.write(`SKIPPED: ${skipReason}\n`);
