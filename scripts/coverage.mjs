// `npm run coverage`: the whole of `npm test` once more, with every line counted that it runs: TypeScript under lib in the
// tests' own processes (vitest), in the commands and threads that they start (V8, mapped back from dist), and the C++ of
// the addon and its native tests (gcov). Prints lines covered of all lines; writes build/coverage/lines.json. Arguments
// are those of scripts/test.mjs: files, with which the native tests are left out, and --long; with --build-only, the C++ is
// built and nothing run. RETEMPER_COVERAGE_NATIVE=OFF leaves the C++ out, RETEMPER_WERROR=ON makes its warnings errors.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { mergeProcessCovs } from "@bcoe/v8-coverage";
import { convert } from "ast-v8-to-istanbul";
import { parseAstAsync } from "vitest/node";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const folder = join(root, "build/coverage");
const native = join(folder, "native");
const withNative = process.env.RETEMPER_COVERAGE_NATIVE !== "OFF" && buildNative();
if (process.argv.includes("--build-only")) process.exit();

for (const name of ["processes", "vitest"]) rmSync(join(folder, name), { recursive: true, force: true });
mkdirSync(join(folder, "processes"), { recursive: true });
const tests = spawnSync(process.execPath, [join(root, "scripts/test.mjs"), ...process.argv.slice(2)], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
  env: {
    ...process.env,
    RETEMPER_COVERAGE: folder,
    ...(withNative ? { RETEMPER_ADDON: join(native, "retemper.node"), RETEMPER_NATIVE_TESTS: native } : {}),
  },
});

const lines = { typescript: await typescriptLines(), ...(withNative ? { cpp: nativeLines() } : {}) };
const report = {};
for (const [language, files] of Object.entries(lines)) {
  const total = { covered: 0, all: 0 };
  for (const [path, counts] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const missed = [...counts].filter(([, count]) => count === 0).map(([line]) => line);
    const file = { covered: counts.size - missed.length, all: counts.size, missed: missed.sort((a, b) => a - b) };
    report[relative(root, path)] = file;
    total.covered += file.covered;
    total.all += file.all;
  }
  const share = ((100 * total.covered) / total.all).toFixed(2);
  const name = language === "cpp" ? "C++" : "TypeScript";
  console.log(`coverage: ${name}: ${total.covered} of ${total.all} lines (${share} %)`);
}
writeFileSync(join(folder, "lines.json"), `${JSON.stringify(report)}\n`);
console.log(`coverage: the lines that were not run, file by file: ${relative(root, join(folder, "lines.json"))}`);
process.exitCode = tests.status === 0 ? 0 : 1;

/** The addon and the native tests with counters, in a folder of their own; false where there is no gcov. */
function buildNative() {
  if (spawnSync("gcov", ["--version"]).status !== 0) {
    console.log("SKIPPED the coverage of C++: gcov is not installed (it comes with GCC)");
    return false;
  }
  const headers = ["node-api-headers", "node-addon-api"].map((module) => require(module).include_dir);
  const configure = [
    ...["-S", join(root, "native"), "-B", native],
    ...["-DRETEMPER_COVERAGE=ON", "-DRETEMPER_TESTS=ON", "-DRETEMPER_CUDA=OFF"],
    `-DRETEMPER_WERROR=${process.env.RETEMPER_WERROR || "OFF"}`,
    `-DCMAKE_JS_INC=${headers.map((path) => resolve(root, path)).join(";")}`,
  ];
  for (const args of [configure, ["--build", native, "--parallel", String(availableParallelism())]]) {
    const { status, stdout, stderr, error } = spawnSync("cmake", args, { encoding: "utf8", maxBuffer: 1 << 28 });
    if (status === 0) continue;
    console.log(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}\nFAILED to build with counters`);
    process.exit(1);
  }
  for (const file of filesIn(native, ".gcda")) rmSync(file); // counts of earlier runs
  return true;
}

/** File -> line with a statement -> how often it ran. */
async function typescriptLines() {
  const files = new Map();
  const vitest = join(folder, "vitest/coverage-final.json");
  if (!existsSync(vitest)) return files; // what failed is said above
  addStatements(files, JSON.parse(readFileSync(vitest, "utf8")));
  for (const script of processScripts()) {
    const path = fileURLToPath(script.url);
    const code = readFileSync(path, "utf8");
    const sourceMap = JSON.parse(readFileSync(`${path}.map`, "utf8"));
    addStatements(
      files,
      await convert({ code, ast: await parseAstAsync(code), sourceMap, coverage: script, wrapperLength: 0 }),
    );
  }
  return files;
}

/** The first coverage of a file says which of its lines are counted. */
function addStatements(files, coverage) {
  for (const [path, { statementMap, s }] of Object.entries(coverage)) {
    const known = files.get(path);
    const counts = known ?? new Map();
    files.set(path, counts);
    for (const [statement, { start }] of Object.entries(statementMap)) {
      if (known !== undefined && !known.has(start.line)) continue;
      counts.set(start.line, Math.max(counts.get(start.line) ?? 0, s[statement]));
    }
  }
}

/** What the processes and threads that the tests started ran of dist. */
function processScripts() {
  const dist = new URL("dist/", `file://${root}/`).href;
  let merged = { result: [] };
  let batch = [];
  const names = readdirSync(join(folder, "processes"));
  names.forEach((name, index) => {
    let written;
    try {
      written = JSON.parse(readFileSync(join(folder, "processes", name), "utf8"));
    } catch {
      return; // of a process that was killed while it wrote
    }
    const result = written.result.filter(({ url }) => url.startsWith(dist));
    if (result.length > 0) batch.push({ result });
    if (batch.length < 50 && index < names.length - 1) return;
    merged = mergeProcessCovs([merged, ...batch]);
    batch = [];
  });
  if (batch.length > 0) merged = mergeProcessCovs([merged, ...batch]);
  return merged.result;
}

function nativeLines() {
  const files = new Map();
  const sources = join(root, "native/");
  for (const notes of filesIn(native, ".gcno")) {
    const { stdout } = spawnSync("gcov", ["--json-format", "--stdout", notes], {
      cwd: native,
      encoding: "utf8",
      maxBuffer: 1 << 30,
    });
    for (const text of (stdout ?? "").split("\n").filter((line) => line.startsWith("{"))) {
      const { files: seen, current_working_directory: from } = JSON.parse(text);
      for (const { file, lines } of seen) {
        const path = resolve(from, file);
        if (!path.startsWith(sources) || path.startsWith(join(sources, "tests/"))) continue;
        const counts = files.get(path) ?? new Map();
        files.set(path, counts);
        for (const { line_number, count } of lines) counts.set(line_number, (counts.get(line_number) ?? 0) + count);
      }
    }
  }
  return files;
}

function filesIn(place, ending) {
  if (!existsSync(place)) return [];
  const names = readdirSync(place, { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(place, name));
}
