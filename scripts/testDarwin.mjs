// `npm run test:darwin`: every native source compiles for macOS on arm64, with zig's clang and its headers of that system.
// Nothing is linked or run: there is no such machine to try it on. Ends with a line of counts; exit code 11: zig is not here.
// zig is a program on the PATH, RETEMPER_ZIG, or Python's package: pip install ziglang.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { doHere, Missing } from "./notHere.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const native = join(root, "native");
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "retemper-darwin-"));

await doHere("darwin", compileAll, folder);

async function compileAll() {
  const [zig, ...first] = findZig();
  const headers = ["node-api-headers", "node-addon-api"].map((name) => resolve(root, require(name).include_dir));
  const options = [
    ...["-target", "aarch64-macos", "-std=c++20", "-O1", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno"],
    ...["-Wall", "-Wextra", `-I${native}`, ...headers.flatMap((path) => ["-isystem", path])],
    ...['-DRETEMPER_VERSION="0"', '-DRETEMPER_NO_CUDA_REASON="macOS"'],
  ];
  const sources = readdirSync(native, { recursive: true })
    .filter((name) => name.endsWith(".cc") && !name.startsWith("tests/"))
    .filter((name) => !["napi/older_glibc.cc", "napi/coverage.cc"].includes(name))
    .sort();
  const waiting = [...sources];
  let failed = 0;
  async function worker() {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const object = join(folder, `${name.replaceAll("/", "-")}.o`);
      const problem = await run(zig, [...first, "c++", ...options, "-c", join(native, name), "-o", object]);
      if (problem === "") continue;
      failed += 1;
      console.log(`FAILED: ${name}\n${problem}`);
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  console.log(`darwin: ${sources.length - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || sources.length === 0 ? 1 : 0;
}

/** The command that is zig. @throws Missing where there is none */
function findZig() {
  const commands = [[process.env.RETEMPER_ZIG ?? "zig"], ["python3", "-m", "ziglang"]];
  const found = commands.find(([file, ...args]) => spawnSync(file, [...args, "version"]).status === 0);
  if (!found) throw new Missing("zig is not here: pip install ziglang, or name it in RETEMPER_ZIG");
  return found;
}

/** What a compiler that failed said; "" where it did not. */
function run(file, args) {
  return new Promise((done) => {
    const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (more) => {
      text += more;
    });
    child.on("error", (error) => done(error.message));
    child.on("close", (status) => done(status === 0 ? "" : text || `exit code ${status}`));
  });
}
