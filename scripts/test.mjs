// Runs vitest and, beside it, builds and runs the native tests (ctest). Ends with one line of counts:
// "N passed, N failed" or "N passed, N failed, N skipped". Arguments go to vitest: npm test -- test/unit
// With --long (npm run test:long) it runs every case, and the files that `npm test` leaves out.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const build = join(root, "build");
const long = process.argv.includes("--long") || process.env.RETEMPER_TEST_LONG === "1";
const filters = process.argv.slice(2).filter((word) => word !== "--long");
if (long) process.env.RETEMPER_TEST_LONG = "1";
else if (filters.length === 0) process.env.RETEMPER_TEST_SHORT = "1"; // see vitest.config.ts

const parts = await Promise.all(filters.length === 0 ? [runVitest([]), runCtest()] : [runVitest(filters)]);
const total = { passed: 0, failed: 0, skipped: 0 };
for (const { log, ...counts } of parts) {
  if (log) console.log(log);
  for (const key of Object.keys(total)) total[key] += counts[key];
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/**
 * The C++ tests need no Node: built by CMake alone into a folder of their own, with the addon's engine, run by ctest.
 * What they print comes after what vitest prints. RETEMPER_NATIVE_TESTS is a folder in which they are built already.
 */
async function runCtest() {
  const built = process.env.RETEMPER_NATIVE_TESTS;
  const folder = built || join(build, "native-tests");
  const junit = join(folder, "ctest.xml");
  rmSync(junit, { force: true });
  const cores = String(availableParallelism());
  if (!built) {
    const engine = join(build, "libretemper_engine.a");
    const options = [
      ...["-DRETEMPER_ADDON=OFF", "-DRETEMPER_TESTS=ON", "-DRETEMPER_CUDA=OFF"],
      `-DRETEMPER_ENGINE=${existsSync(engine) ? engine : ""}`,
    ];
    for (const args of [
      ["-S", join(root, "native"), "-B", folder, ...options],
      ["--build", folder, "--parallel", cores],
    ]) {
      const { status, output } = await run("cmake", args);
      if (status !== 0) return failure(`${output}\nFAILED to build the native tests`);
    }
  }
  const { status, output } = await run("ctest", ["-j", cores, "--output-on-failure", "--output-junit", junit], folder);
  if (!existsSync(junit)) return failure(`${output}\nFAILED to run ctest`);
  const head = readFileSync(junit, "utf8").match(/<testsuite[^>]*>/)?.[0] ?? "";
  const count = (name) => Number(head.match(new RegExp(`${name}="(\\d+)"`))?.[1] ?? 0);
  const skipped = count("skipped") + count("disabled");
  const failed = Math.max(count("failures"), status === 0 ? 0 : 1);
  return { passed: count("tests") - count("failures") - skipped, failed, skipped, log: output };
}

async function runVitest(filters) {
  mkdirSync(build, { recursive: true });
  const output = join(build, "vitest.json");
  rmSync(output, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${output}`];
  const { status } = await run(process.execPath, [vitest, "run", ...reporters, ...filters], root, "inherit");
  if (!existsSync(output)) return failure("FAILED to run vitest");
  const report = JSON.parse(readFileSync(output, "utf8"));
  // A file that does not even load has no tests to count, but it is a failure.
  const unloaded = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  const log = unloaded.map((file) => `FAILED to load ${relative(root, file.name)}`).join("\n");
  let failed = report.numFailedTests + unloaded.length;
  if (status !== 0 && failed === 0) failed = 1; // an unhandled error outside any test
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests, log };
}

function failure(log) {
  return { passed: 0, failed: 1, skipped: 0, log };
}

/** Resolves to the exit status and, unless it went straight on, all that was printed. */
function run(command, args, cwd = root, output = "pipe") {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", output, output] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
    }
    child.on("error", (error) => done({ status: 1, output: error.message }));
    child.on("close", (status) => done({ status, output: text }));
  });
}
