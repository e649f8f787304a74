// `npm run build`: the native addon (build/Release/retemper.node), the TypeScript (dist/) and the page of `retemper play`.
// Checks the tools first and says what to install; needs no network. RETEMPER_CUDA=OFF leaves the CUDA kernels out.

import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const addon = join(root, "build/Release/retemper.node");
const stampFile = join(root, "build/retemper-options.txt");
const options = process.env.RETEMPER_CUDA ? [`--CDRETEMPER_CUDA=${process.env.RETEMPER_CUDA}`] : [];

checkTools();
if (isUpToDate()) console.log("native: up to date");
else buildNative();
compileTypeScript();
copyPython();
await writeSchema();
await bundlePage();

function checkTools() {
  const problems = [];
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    problems.push(`Node.js 20.19 or newer is needed, this is ${process.versions.node}`);
  }
  if (["cmake-js", "typescript", "rolldown", "preact"].some((name) => !existsSync(join(root, "node_modules", name)))) {
    problems.push("the packages are not installed: run `npm ci`");
  }
  if (!isUpToDate()) {
    const cmake = run("cmake", ["--version"]);
    const version = /version (\d+)\.(\d+)/.exec(cmake.stdout ?? "");
    if (cmake.status !== 0 || version === null) {
      problems.push(`CMake 3.20 or newer is missing: ${install("cmake", "cmake", "cmake")}`);
    } else if (Number(version[1]) * 100 + Number(version[2]) < 320) {
      problems.push(`CMake 3.20 or newer is needed, this is ${version[1]}.${version[2]}`);
    }
    if (!compilesCpp20()) {
      problems.push(
        `a compiler for C++20 is missing (GCC 11, Clang 14 or newer): ${install("build-essential", "gcc-c++ make", null)}`,
      );
    } else if (!["ninja", "make"].some((tool) => run(tool, ["--version"]).status === 0)) {
      problems.push(`neither ninja nor make is installed: ${install("ninja-build", "ninja-build", "ninja")}`);
    }
  }
  if (problems.length > 0) {
    console.error(problems.map((problem) => `build: ${problem}`).join("\n"));
    process.exit(1);
  }
}

/** How to install a package on the three systems that most people have. */
function install(debian, fedora, homebrew) {
  const mac = homebrew === null ? "xcode-select --install" : `brew install ${homebrew}`;
  return `\`apt install ${debian}\` (Debian, Ubuntu), \`dnf install ${fedora}\` (Fedora), \`${mac}\` (macOS)`;
}

function compilesCpp20() {
  const folder = mkdtempSync(join(tmpdir(), "retemper-build-"));
  try {
    const source = join(folder, "probe.cc");
    writeFileSync(source, "#include <span>\n#include <concepts>\nint main() { return std::span<int>().size(); }\n");
    const compilers = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
    return compilers.some((compiler) => run(compiler, ["-std=c++20", "-fsyntax-only", source]).status === 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** True when nothing that goes into the addon is newer than it, and the options are the same. */
function isUpToDate() {
  if (!existsSync(addon) || !existsSync(stampFile)) return false;
  if (readFileSync(stampFile, "utf8") !== stamp()) return false;
  const built = statSync(stampFile).mtimeMs;
  return [...filesIn(join(root, "native")), join(root, "package.json")].every(
    (file) => statSync(file).mtimeMs <= built,
  );
}

function stamp() {
  return JSON.stringify([root, process.arch, process.env.CXX ?? "", ...options]);
}

function* filesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "tests") continue;
    if (entry.isDirectory()) yield* filesIn(join(folder, entry.name));
    else yield join(folder, entry.name);
  }
}

function buildNative() {
  const started = Date.now();
  if (
    existsSync(join(root, "build/CMakeCache.txt")) &&
    (!existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp())
  ) {
    rmSync(join(root, "build/CMakeCache.txt")); // configured for another place, compiler or option
    rmSync(join(root, "build/CMakeFiles"), { recursive: true, force: true });
  }
  // cmake-js asks the npm package node-api-headers for Node's headers: see native/package.json.
  const result = run(process.execPath, [
    join(root, "node_modules/cmake-js/bin/cmake-js"),
    ...["build", "-d", "native", "-O", "build", "--parallel", String(availableParallelism()), ...options],
  ]);
  if (result.status !== 0) {
    console.error(`${result.stdout}\n${result.stderr}\nbuild: the native addon could not be built (see above)`);
    process.exit(1);
  }
  writeFileSync(stampFile, stamp());
  utimesSync(stampFile, started / 1000, started / 1000); // what changed since the start is newer
  console.log(`native: built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function compileTypeScript() {
  const result = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"], {
    cwd: root,
    stdio: "inherit",
  });
  if (result.status !== 0) process.exit(1);
  console.log("typescript: compiled to dist/");
}

/** The programs that run inside of the sandbox: files in Python, which are read where they lie. */
function copyPython() {
  const folder = "evaluate/sandbox/inside";
  rmSync(join(root, "dist", folder), { recursive: true, force: true });
  cpSync(join(root, "lib", folder), join(root, "dist", folder), {
    recursive: true,
    filter: (path) => !path.includes("__pycache__"),
  });
}

/** For editors: experiment.yml names it in its first line. */
async function writeSchema() {
  const { experimentJsonSchema } = await import(
    pathToFileURL(join(root, "dist/experiment/settings/jsonSchema.js")).href
  );
  writeFileSync(join(root, "dist/experiment.schema.json"), `${JSON.stringify(experimentJsonSchema(), null, 1)}\n`);
}

/** The page of `retemper play`: what it is made of, in three files that load nothing else. */
async function bundlePage() {
  const [from, to] = [join(root, "lib/play/page"), join(root, "dist/play/page")];
  const { rolldown } = await import("rolldown");
  const bundle = await rolldown({
    input: join(from, "main.tsx"),
    platform: "browser",
    transform: { jsx: { runtime: "automatic", importSource: "preact" } },
  });
  const licence = "/* With preact and @preact/signals, MIT licence, (c) Jason Miller and the Preact Team */";
  await bundle.write({ file: join(to, "app.js"), format: "esm", minify: true, postBanner: licence });
  await bundle.close();
  const { COLOURS } = await import(pathToFileURL(join(root, "dist/report/page/style.js")).href);
  writeFileSync(join(to, "app.css"), `${COLOURS}\n${readFileSync(join(from, "app.css"), "utf8")}`);
  cpSync(join(from, "index.html"), join(to, "index.html"));
  console.log("page: bundled to dist/play/page/");
}

function run(command, args) {
  return spawnSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
}
