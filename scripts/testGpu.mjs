// `npm run test:gpu`: parity with the CPU and behaviour without memory on this machine's GPU, the differential tests (where
// there is a device, it is one of their targets), and the golden merges with every tensor on it. Says loudly when there is
// no device; ends with one line of counts.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const addon = process.env.RETEMPER_ADDON || join(root, "build/Release/retemper.node");
const { cuda } = createRequire(import.meta.url)(addon).describe();
const REASON = "none: ";

if (cuda.startsWith(REASON)) {
  console.log(`SKIPPED: no CUDA device: ${cuda.slice(REASON.length)}`);
  console.log("0 passed, 0 failed, 1 skipped");
} else {
  console.log(`on ${cuda}`);
  const parts = [
    run(["test/gpu", "test/differential"], { RETEMPER_TEST_GPU: "1" }),
    run(["test/golden/merge.test.ts"], { RETEMPER_FORCE_TARGET: "cuda" }),
  ];
  const total = (key) => parts.reduce((sum, part) => sum + part[key], 0);
  console.log(`${total("passed")} passed, ${total("failed")} failed`);
  process.exitCode = total("failed") > 0 || total("passed") === 0 ? 1 : 0;
}

function run(filters, env) {
  const output = join(root, "build/vitest-gpu.json");
  mkdirSync(dirname(output), { recursive: true });
  rmSync(output, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(
    process.execPath,
    [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${output}`, ...filters],
    { cwd: root, stdio: "inherit", env: { ...process.env, ...env } },
  );
  try {
    const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(readFileSync(output, "utf8"));
    return { passed, failed: status === 0 ? failed : Math.max(failed, 1) };
  } catch (error) {
    console.log(`FAILED to run ${filters.join(" ")}: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}
