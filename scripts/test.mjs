// Builds and runs the native tests (ctest), then vitest, and ends with one line of counts:
// "N passed, N failed" or "N passed, N failed, N skipped". Arguments go to vitest: npm test -- test/unit

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, "build");
const filters = process.argv.slice(2);

const parts = filters.length === 0 ? [runCtest(), runVitest([])] : [runVitest(filters)];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const part of parts) for (const key of Object.keys(total)) total[key] += part[key];

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** The C++ tests need no Node: built by CMake alone into a folder of their own, with the addon's engine, run by ctest. */
function runCtest() {
  const folder = join(build, "native-tests");
  const junit = join(folder, "ctest.xml");
  rmSync(junit, { force: true });
  const engine = join(build, "libretemper_engine.a");
  const options = [
    ...["-DRETEMPER_ADDON=OFF", "-DRETEMPER_TESTS=ON", "-DRETEMPER_CUDA=OFF"],
    `-DRETEMPER_ENGINE=${existsSync(engine) ? engine : ""}`,
  ];
  for (const [command, args] of [
    ["cmake", ["-S", join(root, "native"), "-B", folder, ...options]],
    ["cmake", ["--build", folder, "--parallel", String(availableParallelism())]],
  ]) {
    const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
    if (status === 0) continue;
    console.log(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\nFAILED to build the native tests`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const run = spawnSync("ctest", ["--output-on-failure", "--output-junit", junit], { cwd: folder, stdio: "inherit" });
  if (run.error) {
    console.log(`FAILED to start ctest: ${run.error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const head = existsSync(junit) ? (readFileSync(junit, "utf8").match(/<testsuite[^>]*>/)?.[0] ?? "") : "";
  const count = (name) => Number(head.match(new RegExp(`${name}="(\\d+)"`))?.[1] ?? 0);
  const skipped = count("skipped") + count("disabled");
  const failed = Math.max(count("failures"), run.status === 0 ? 0 : 1);
  return { passed: count("tests") - count("failures") - skipped, failed, skipped };
}

function runVitest(filters) {
  mkdirSync(build, { recursive: true });
  const output = join(build, "vitest.json");
  rmSync(output, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const run = spawnSync(
    process.execPath,
    [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${output}`, ...filters],
    { cwd: root, stdio: "inherit" },
  );
  if (!existsSync(output)) return { passed: 0, failed: 1, skipped: 0 };
  const report = JSON.parse(readFileSync(output, "utf8"));
  // A file that does not even load has no tests to count, but it is a failure.
  const unloaded = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  for (const file of unloaded) console.log(`FAILED to load ${relative(root, file.name)}`);
  let failed = report.numFailedTests + unloaded.length;
  if (run.status !== 0 && failed === 0) failed = 1; // an unhandled error outside any test
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
}
