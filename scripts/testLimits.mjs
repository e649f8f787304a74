// `npm run test:limits`: the tests of test/limits in full: 1,000 merges in one process, models ten times the memory that is
// allowed. Minutes, and gigabytes on the disk of TMPDIR for a moment. Prints what it measured; ends with one line of counts.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, "build/vitest-limits.json");
mkdirSync(dirname(output), { recursive: true });
rmSync(output, { force: true });
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const reporters = ["--reporter=verbose", "--reporter=json", `--outputFile.json=${output}`];
const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, "--no-file-parallelism", "test/limits"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, RETEMPER_TEST_LIMITS: "1" },
});
try {
  const report = JSON.parse(readFileSync(output, "utf8"));
  const failed = status === 0 ? report.numFailedTests : Math.max(report.numFailedTests, 1);
  const skipped = report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : "";
  console.log(`${report.numPassedTests} passed, ${failed} failed${skipped}`);
  process.exitCode = failed > 0 ? 1 : 0;
} catch (error) {
  console.log(`FAILED to run the tests of limits: ${error.message}`);
  process.exitCode = 1;
}
