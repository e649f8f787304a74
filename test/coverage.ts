// Set up by vitest.config.ts where coverage is counted (scripts/coverage.mjs): the processes and threads that a test file
// starts write down which lines of dist they ran.

import { join } from "node:path";
import process from "node:process";

const folder = process.env.RETEMPER_COVERAGE;
if (folder !== undefined) process.env.NODE_V8_COVERAGE = join(folder, "processes");
