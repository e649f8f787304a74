// Builds the addon that is published for a platform: the objects of the ordinary build (or, for another processor, of a
// cross compiler), linked against an older glibc.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Missing } from "./notHere.mjs";
import { PLATFORMS, sysroot } from "./sysroot.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/** The published addon's path. `targets` are built as well, in the folder that `folderOf` names. */
export function buildPortable(platform, targets = []) {
  if (!PLATFORMS[platform]) throw new Missing(`addons are published for ${Object.keys(PLATFORMS).join(" and ")}`);
  const folder = folderOf(platform);
  const here = platform === `${process.platform}-${process.arch}`;
  if (here && !existsSync(join(folder, "CMakeCache.txt"))) throw new Missing("there is no build: npm run build");
  cmake([
    ...["-S", join(root, "native"), "-B", folder, `-DRETEMPER_SYSROOT=${sysroot(platform)}`],
    ...(here ? [] : crossOptions(platform)),
    ...(targets.length > 0 ? ["-DRETEMPER_TESTS=ON"] : []),
  ]);
  const parallel = ["--parallel", String(availableParallelism())];
  cmake(["--build", folder, ...parallel, "--target", "retemper_portable", ...targets]);
  return join(folder, "portable/retemper.node");
}

/** This machine's own platform shares the folder, and so the objects, of `npm run build`. */
export function folderOf(platform) {
  return platform === `${process.platform}-${process.arch}` ? join(root, "build") : join(root, "build", platform);
}

function crossOptions(platform) {
  const compiler = `${PLATFORMS[platform].triple}-g++`;
  if (spawnSync(compiler, ["--version"]).status !== 0) {
    throw new Missing(`${compiler} is missing: apt-get install g++-${PLATFORMS[platform].triple}`);
  }
  const headers = ["node-api-headers", "node-addon-api"].map((module) => resolve(root, require(module).include_dir));
  return [
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, "native/cmake", `${platform}.cmake`)}`,
    ...["-DRETEMPER_CUDA=OFF", "-DCMAKE_CXX_FLAGS=-DBUILDING_NODE_EXTENSION"],
    `-DCMAKE_JS_INC=${headers.join(";")}`,
  ];
}

function cmake(args) {
  const { status, stdout, stderr, error } = spawnSync("cmake", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status === 0) return;
  throw new Error(`cmake ${args.join(" ")} failed:\n${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
}
