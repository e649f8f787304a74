// Lint and format of both languages: biome over TypeScript, JavaScript and JSON, clang-format over C++.
// `npm run lint` checks, `npm run format` (--fix) rewrites.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const fix = process.argv.includes("--fix");
let failed = false;

const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
run("biome", process.execPath, [biome, "check", ...(fix ? ["--write"] : []), "--error-on-warnings", "."]);
for (const project of ["tsconfig.json", "tsconfig.page.json", "tsconfig.test.json"]) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  run(`tsc -p ${project}`, process.execPath, [tsc, "--noEmit", "-p", project]);
}

const sources = nativeSources(join(root, "native"));
if (sources.length === 0) {
  console.log("no C++ sources");
} else if (spawnSync("clang-format", ["--version"]).error) {
  console.log("SKIPPED the C++ format check: clang-format is not installed (Debian: apt-get install clang-format)");
} else {
  run("clang-format", "clang-format", [...(fix ? ["-i"] : ["--dry-run", "-Werror"]), ...sources]);
}
process.exitCode = failed ? 1 : 0;

function run(name, command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) console.error(`${name}: ${error.message}`);
  if (status === 0) return;
  console.error(`${name} found problems`);
  failed = true;
}

function nativeSources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.(cc|h|cu|cuh)$/.test(name) && !name.includes("node_modules"))
    .map((name) => join(folder, name))
    .sort();
}
