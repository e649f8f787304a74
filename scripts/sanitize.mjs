// `npm run test:sanitize`: everything native once more with AddressSanitizer and UndefinedBehaviorSanitizer (the C++
// tests, then the addon inside Node), and the C++ tests with threads (ctest label "pool") with ThreadSanitizer.
// `npm run test:sanitize -- address` and `-- thread` run one of the two. Builds into build/sanitize-*; ends with one summary
// line.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const compiler = process.env.CXX || "c++";

/** A finding ends the test. What Node itself never frees is not a finding. */
const ASAN = "strict_string_checks=1:allocator_may_return_null=1";
const UBSAN_OPTIONS = "halt_on_error=1:print_stacktrace=1";
const TSAN_OPTIONS = "halt_on_error=1:second_deadlock_stack=1";
/** Tests that load the addon, start processes and threads with it, and end them; and those of variants that come and go while a merge is open. */
const ADDON_TESTS = [
  ...["test/addon", "test/hostile/header.test.ts"],
  ...["anyWeights", "orderOfWeights"].map((name) => `test/unit/generate/${name}.test.ts`),
];

const results = [];
const parts = process.argv.slice(2);
const isWanted = (name) => parts.length === 0 || parts.includes(name);
if (isWanted("address")) console.log("== address,undefined ==");
if (isWanted("address") && buildWith("address", "address,undefined", ["all"])) {
  const options = { ASAN_OPTIONS: `${ASAN}:detect_leaks=1`, UBSAN_OPTIONS, RETEMPER_TEST_LONG: "1" };
  results.push(ctest("address", [], options));
  results.push(vitest());
}
if (isWanted("thread")) console.log("== thread ==");
if (isWanted("thread") && buildWith("thread", "thread", ["pool_tests"]))
  results.push(ctest("thread", ["-L", "pool"], { TSAN_OPTIONS }));

const total = (key) => results.reduce((sum, counts) => sum + counts[key], 0);
console.log(`sanitizers: ${total("passed")} passed, ${total("failed")} failed`);
process.exitCode = total("failed") > 0 || results.some(({ passed }) => passed === 0) ? 1 : 0;

/** False, and one failure, when it does not build. */
function buildWith(name, sanitizers, targets) {
  const folder = folderOf(name);
  const headers = ["node-api-headers", "node-addon-api"].map((module) => require(module).include_dir);
  const configure = [
    ...["-S", join(root, "native"), "-B", folder],
    // Checked code that is compiled quickly and names its lines.
    ...["-DCMAKE_BUILD_TYPE=Sanitize", "-DCMAKE_CXX_FLAGS_SANITIZE=-O1 -g1"],
    ...["-DRETEMPER_TESTS=ON", "-DRETEMPER_CUDA=OFF", `-DRETEMPER_SANITIZE=${sanitizers}`],
    `-DCMAKE_JS_INC=${headers.map((path) => resolve(root, path)).join(";")}`,
  ];
  const build = ["--build", folder, "--parallel", String(availableParallelism()), "--target", ...targets];
  for (const args of [configure, build]) {
    const { status, stdout, stderr, error } = spawnSync("cmake", args, { encoding: "utf8", maxBuffer: 1 << 28 });
    if (status === 0) continue;
    console.log(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\nFAILED to build with ${sanitizers}`);
    results.push({ passed: 0, failed: 1 });
    return false;
  }
  return true;
}

function ctest(name, args, environment) {
  const run = spawnSync(
    "ctest",
    ["-j", String(availableParallelism()), "--output-on-failure", "--no-tests=error", ...args],
    {
      cwd: folderOf(name),
      env: { ...process.env, ...environment },
      encoding: "utf8",
      maxBuffer: 1 << 28,
    },
  );
  console.log(run.stdout ?? run.error?.message);
  const counts = /tests passed, (\d+) tests failed out of (\d+)/.exec(run.stdout ?? "");
  if (counts === null) return { passed: 0, failed: 1 };
  const [failed, all] = [Number(counts[1]), Number(counts[2])];
  return { passed: all - failed, failed: run.status === 0 ? failed : Math.max(failed, 1) };
}

/** The addon's tests with the sanitized addon; their child processes and workers inherit it. */
function vitest() {
  const runtimes = ["libasan.so", "libubsan.so"].map((name) =>
    execFileSync(compiler, [`-print-file-name=${name}`], { encoding: "utf8" }).trim(),
  );
  const report = join(folderOf("address"), "vitest.json");
  rmSync(report, { force: true });
  const vitestPath = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const run = spawnSync(process.execPath, [vitestPath, "run", ...reporters, ...ADDON_TESTS], {
    cwd: root,
    env: {
      ...process.env,
      RETEMPER_ADDON: join(folderOf("address"), "retemper.node"),
      LD_PRELOAD: runtimes.join(" "),
      // What is freed and kept to catch later uses would look like growth to the tests that watch memory.
      ASAN_OPTIONS: `${ASAN}:detect_leaks=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=64`,
      UBSAN_OPTIONS,
    },
    stdio: "inherit",
  });
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
    return { passed: numPassedTests, failed: run.status === 0 ? numFailedTests : Math.max(numFailedTests, 1) };
  } catch (error) {
    console.log(`FAILED to run the addon's tests: ${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

function folderOf(name) {
  return join(root, "build", `sanitize-${name}`);
}
