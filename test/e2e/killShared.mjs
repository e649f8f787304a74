// Several processes work on one folder of an experiment; each is killed with SIGKILL again and again at random moments, and started
// again.
//   node test/e2e/killShared.mjs [KILLS = 10 of each] [--processes 4] [--seed S] [--experiment FILE] [--alone DIR]
// results.json must be that of one process that was left alone (made first, or found in DIR); no record of a step may be made twice, no
// answer be asked twice, nothing be left of those that were killed. Needs dist/ and the addon (npm run build).

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generator } from "./generator.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(root, "dist/cli/main.js");

/** A process is killed in one of its first steps, so many milliseconds after that has begun at most. */
const [STEPS, LATEST] = [4, 500];

/**
 * @param {{ kills: number, processes?: number, seed?: number, experiment: string, alone?: string, say?: (text: string) => void }} options
 *   kills of each process
 * @returns {Promise<{ kills: number, passes: number, workers: number, begun: Record<string, number>, problems: string[] }>} kills that
 *   met a running process; how often the processes came to the end of the experiment; how many of them recorded steps;
 *   by kind of step, how many were cut off.
 */
export async function killShared({ kills, processes = 4, seed = 1, experiment, alone, say = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), "retemper-kill-shared-"));
  try {
    const whole = alone ?? join(folder, "alone");
    if (!existsSync(join(whole, "results.json"))) await runOnce([experiment, "--out", whole]);
    const wanted = readFileSync(join(whole, "results.json"), "utf8");

    const random = generator(seed);
    const left = Array.from({ length: processes }, () => kills);
    const outcome = { kills: 0, passes: 0, workers: 0, begun: {}, problems: [] };
    do {
      const out = join(folder, `out-${outcome.passes}`);
      const seen = new Map();
      const life = async (index) => {
        for (;;) {
          const args = [experiment, "--out", out, "--partition", `${index}/${processes}`];
          const moment = { step: 1 + Math.floor(random() * STEPS), pause: random() * LATEST };
          const { killed, step } = await runOnce(args, left[index] > 0 ? moment : undefined);
          if (!killed) return;
          left[index] -= 1;
          outcome.kills += 1;
          const kind = step.split(" ")[0];
          outcome.begun[kind] = (outcome.begun[kind] ?? 0) + 1;
          say(`process ${index} killed in "${step}"`);
          checkRecords(out, seen, outcome);
        }
      };
      const ends = await Promise.allSettled(left.map((_, index) => life(index)));
      const failed = ends.find(({ status }) => status === "rejected");
      if (failed) throw failed.reason;
      checkRecords(out, seen, outcome);
      checkEnd(out, wanted, whole, outcome);
      say(`pass ${outcome.passes}: done by ${outcome.workers} workers, kills left ${left.join(", ")}`);
      rmSync(out, { recursive: true });
    } while (left.some((count) => count > 0));
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A record that is made again is another file. */
function checkRecords(out, seen, outcome) {
  const steps = join(out, "steps");
  for (const name of existsSync(steps) ? readdirSync(steps).filter((one) => !one.startsWith(".")) : []) {
    const record = statSync(join(steps, name, "step.json"), { throwIfNoEntry: false });
    if (!record) {
      if (seen.has(name)) outcome.problems.push(`the record of ${name} is gone`);
      continue;
    }
    const is = `${record.ino} ${record.mtimeMs}`;
    if (seen.has(name) && seen.get(name) !== is) outcome.problems.push(`${name} was recorded twice`);
    seen.set(name, is);
  }
}

function checkEnd(out, wanted, whole, outcome) {
  outcome.passes += 1;
  const problem = (text) => outcome.problems.push(`pass ${outcome.passes}: ${text}`);
  if (readFileSync(join(out, "results.json"), "utf8") !== wanted) problem("results.json differs");
  const workers = new Set();
  const steps = readdirSync(join(out, "steps")).sort();
  for (const name of steps) {
    if (name.startsWith(".")) problem(`left among the steps: ${name}`);
    else workers.add(JSON.parse(readFileSync(join(out, "steps", name, "step.json"), "utf8")).worker);
  }
  outcome.workers += workers.size;
  const alone = readdirSync(join(whole, "steps")).sort();
  if (steps.join() !== alone.join()) problem(`steps ${steps.join()} instead of ${alone.join()}`);
  if (existsSync(join(out, ".workers"))) problem(`left: ${readdirSync(join(out, ".workers")).join(", ")} in .workers`);
  const staged = readdirSync(join(out, "models")).filter((name) => name.startsWith("."));
  if (staged.length > 0) problem(`left in models: ${staged.join(", ")}`);
  for (const kind of ["answers", "verdicts"]) {
    const [mine, others] = [recordsOf(join(out, kind)), recordsOf(join(whole, kind))];
    const once = new Set(mine);
    // two models that say the same at once have one verdict
    if (kind === "answers" && once.size !== mine.length) problem(`${mine.length - once.size} answers were asked twice`);
    if (once.size !== new Set(others).size) problem(`${once.size} ${kind} instead of ${new Set(others).size}`);
  }
}

/** Of what each answer or verdict is, in all files of all processes. */
function recordsOf(folder) {
  const found = [];
  for (const of of existsSync(folder) ? readdirSync(folder) : []) {
    for (const file of readdirSync(join(folder, of))) {
      const lines = readFileSync(join(folder, of, file), "utf8")
        .split("\n")
        .slice(1, -1);
      for (const line of lines) {
        const { unit, of: verdict } = JSON.parse(line);
        if (unit ?? verdict) found.push(`${of} ${unit ?? verdict}`);
      }
    }
  }
  return found;
}

/** With a moment, kills it so many milliseconds after it has begun so many steps; says in which step. */
function runOnce(args, moment) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, "run", ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    let timer;
    child.stderr.on("data", (text) => {
      stderr += text;
      if (moment && stderr.split("note: ").length > moment.step) {
        timer ??= setTimeout(() => child.kill("SIGKILL"), moment.pause);
      }
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      const step = /note: (.*)\n(?!.*note: )/.exec(stderr)?.[1] ?? "the checks before the first step";
      if (signal === "SIGKILL") return resolve({ killed: true, step });
      if (status !== 0) return reject(new Error(`the run ended with ${status}: ${stderr}`));
      resolve({ killed: false, step });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { processes: text, seed: text, experiment: text, alone: text },
  });
  const { kills, passes, workers, begun, problems } = await killShared({
    kills: Number(positionals[0] ?? 10),
    processes: Number(values.processes ?? 4),
    seed: Number(values.seed ?? 1),
    experiment: values.experiment ?? join(root, "demo/experiment.yml"),
    alone: values.alone,
    say: console.log,
  });
  for (const problem of problems) console.error(problem);
  const where = Object.entries(begun).map(([kind, count]) => `${count} in ${kind}`);
  console.log(
    `${kills} kills (${where.join(", ")}): ${passes} times to the end, by ${workers} workers, ${problems.length} problems`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
