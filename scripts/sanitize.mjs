// `npm run test:sanitize`: the native tests under AddressSanitizer + UndefinedBehaviorSanitizer, and those with threads
// (ctest label "pool") under ThreadSanitizer. Builds into build/sanitize-*; ends with one summary line.

import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

const RUNS = [
  { name: "address", sanitizers: "address,undefined", targets: [], ctest: [] },
  { name: "thread", sanitizers: "thread", targets: ["pool_tests"], ctest: ["-L", "pool"] },
];

/** A finding ends the test; everything else is the sanitizers' default. */
const ENVIRONMENT = {
  ASAN_OPTIONS: "detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1",
  UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
  TSAN_OPTIONS: "halt_on_error=1:second_deadlock_stack=1",
};

const summary = RUNS.map(runUnder);
const total = (key) => summary.reduce((sum, counts) => sum + counts[key], 0);
console.log(`sanitizers: ${total("passed")} passed, ${total("failed")} failed`);
process.exitCode = total("failed") > 0 || summary.some(({ passed }) => passed === 0) ? 1 : 0;

/** Builds and runs the tests under one set of sanitizers. A build that fails counts as one failure. */
function runUnder({ name, sanitizers, targets, ctest }) {
  const folder = join(root, "build", `sanitize-${name}`);
  console.log(`\n== ${sanitizers} ==`);
  const configure = [
    ...["-S", join(root, "native"), "-B", folder, "-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
    ...["-DRETEMPER_ADDON=OFF", "-DRETEMPER_TESTS=ON", "-DRETEMPER_CUDA=OFF"],
    `-DRETEMPER_SANITIZE=${sanitizers}`,
  ];
  const build = ["--build", folder, "--parallel", String(availableParallelism())];
  if (targets.length > 0) build.push("--target", ...targets);
  for (const args of [configure, build]) {
    const { status, stdout, stderr, error } = spawnSync("cmake", args, { encoding: "utf8", maxBuffer: 1 << 28 });
    if (status === 0) continue;
    console.log(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\nFAILED to build with ${sanitizers}`);
    return { passed: 0, failed: 1 };
  }
  const run = spawnSync("ctest", ["--output-on-failure", "--no-tests=error", ...ctest], {
    cwd: folder,
    env: { ...process.env, ...ENVIRONMENT },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  console.log(run.stdout ?? run.error?.message);
  const counts = /tests passed, (\d+) tests failed out of (\d+)/.exec(run.stdout ?? "");
  if (counts === null) return { passed: 0, failed: 1 };
  const [failed, all] = [Number(counts[1]), Number(counts[2])];
  return { passed: all - failed, failed: run.status === 0 ? failed : Math.max(failed, 1) };
}
