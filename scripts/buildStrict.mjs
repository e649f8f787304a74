// `npm run build:strict`: compiles everything native once more, the addon and its tests, with warnings as errors, into
// build/strict. RETEMPER_CUDA is off: whether there is a toolkit does not change what is checked.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "build/strict");
const require = createRequire(import.meta.url);
const headers = ["node-api-headers", "node-addon-api"].map((name) => resolve(root, require(name).include_dir));

const configure = [
  ...["-S", join(root, "native"), "-B", folder, "-DRETEMPER_WERROR=ON"],
  ...["-DRETEMPER_TESTS=ON", "-DRETEMPER_CUDA=OFF", `-DCMAKE_JS_INC=${headers.join(";")}`],
];
const build = ["--build", folder, "--parallel", String(availableParallelism())];
for (const args of [configure, build]) {
  const { status, stdout, stderr, error } = spawnSync("cmake", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status === 0) continue;
  console.log(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`);
  console.log("build:strict: there are warnings, or it does not compile (see above)");
  process.exit(1);
}
console.log("build:strict: the addon and the native tests compile without a warning");
