// Kills the demo's experiment with SIGKILL at random moments, starts it again each time, and looks at what comes of it. The moments
// are drawn over the steps: each that is still to be done is as likely as any other, and within it any moment of its time.
//   node test/e2e/killDemo.mjs [N = 30] [--seed S] [--experiment FILE] [--alone DIR]
// Its results.json must be that of a run that was left alone (made first, or found in DIR), no step that was done may be
// done again, and nothing may lie under models/ that is not whole. Needs dist/ and the addon (npm run build).

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { generator } from "./generator.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(root, "dist/cli/main.js");
const { verify } = await import(join(root, "dist/index.js"));

/**
 * @param {{ kills: number, seed?: number, experiment?: string, alone?: string, say?: (text: string) => void }} options
 * @returns {Promise<{ kills: number, passes: number, steps: Record<string, number>, problems: string[] }>} kills that met a
 * running experiment, by the kind of step; how often it came to its end.
 */
export async function killDemo({
  kills,
  seed = 1,
  experiment = join(root, "demo/experiment.yml"),
  alone,
  say = () => {},
}) {
  const folder = mkdtempSync(join(tmpdir(), "retemper-kill-demo-"));
  try {
    const whole = alone ?? join(folder, "alone");
    const startedAt = performance.now();
    if (!existsSync(join(whole, "results.json"))) await runOnce(experiment, whole);
    const costs = JSON.parse(readFileSync(join(whole, "costs.json"), "utf8"));
    /** By the name that is told as it begins, milliseconds. */
    const times = new Map();
    const kinds = new Map();
    for (const { kind, step, seconds } of costs.steps) {
      const name = kind === "answer" ? step.replace(/ lambda \S+$/, "") : step; // the lambdas of a merge are asked at once
      kinds.set(name, kind);
      times.set(name, (times.get(name) ?? 0) + 1000 * seconds);
    }
    say(`a run that is left alone has ${times.size} steps, ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
    const wanted = readFileSync(join(whole, "results.json"), "utf8");

    const random = generator(seed);
    const outcome = { kills: 0, passes: 0, steps: {}, problems: [] };
    let out = join(folder, "out-0");
    let done = { records: new Map(), names: new Set() };
    let moments = drawn(times, kills, random);
    for (let start = 1; outcome.kills < kills; start++) {
      const { killed, step, aim } = await runOnce(experiment, out, moments);
      if (killed) {
        moments.delete(aim);
        outcome.kills += 1;
        const kind = kinds.get(step) ?? "no step";
        outcome.steps[kind] = (outcome.steps[kind] ?? 0) + 1;
        say(`kill ${outcome.kills} in "${step}"`);
      }
      done = checkSteps(out, done, outcome);
      await checkModels(out, outcome);
      if (killed) continue;
      checkEnd(out, wanted, outcome);
      rmSync(out, { recursive: true });
      out = join(folder, `out-${start}`);
      done = { records: new Map(), names: new Set() };
      moments = drawn(times, kills - outcome.kills, random);
    }
    await runOnce(experiment, out);
    checkSteps(out, done, outcome);
    await checkModels(out, outcome);
    checkEnd(out, wanted, outcome);
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Kills of one run from its beginning to its end. */
const EACH_PASS = 12;

/**
 * Some steps, each as likely as any other, and when to kill each: milliseconds after it has begun.
 * @param {ReadonlyMap<string, number>} times
 * @param {number} most
 * @param {() => number} random
 */
function drawn(times, most, random) {
  const names = [...times.keys()];
  const moments = new Map();
  while (moments.size < Math.min(most, EACH_PASS, names.length)) {
    const name = names[Math.floor(random() * names.length)];
    if (!moments.has(name)) moments.set(name, random() * times.get(name));
  }
  return moments;
}

/** What was done is as it was: a step that is done again has a new record. */
function checkSteps(out, before, outcome) {
  const records = new Map();
  const names = new Set();
  const folder = join(out, "steps");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const file = join(folder, name, "step.json");
    const record = statSync(file, { throwIfNoEntry: false });
    if (!record) continue;
    records.set(name, record.mtimeMs);
    const { kind, step } = JSON.parse(readFileSync(file, "utf8"));
    names.add(kind === "answer" ? step.replace(/ lambda \S+$/, "") : step);
  }
  for (const [name, time] of before.records) {
    if (records.get(name) !== time) outcome.problems.push(`${name} was done twice or is gone`);
  }
  return { records, names };
}

async function checkModels(out, outcome) {
  const folder = join(out, "models");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (name.startsWith(".")) continue; // staged
    const { ok, problems } = await verify(join(folder, name));
    if (!ok) outcome.problems.push(`${name}: ${problems.join("; ")}`);
  }
}

function checkEnd(out, wanted, outcome) {
  outcome.passes += 1;
  if (readFileSync(join(out, "results.json"), "utf8") !== wanted) {
    outcome.problems.push(`pass ${outcome.passes}: results.json differs`);
  }
  const staged = readdirSync(join(out, "models")).filter((name) => name.startsWith("."));
  if (staged.length > 0) outcome.problems.push(`pass ${outcome.passes}: left in models: ${staged.join(", ")}`);
}

/**
 * With moments, kills it at the first of these steps that begins; says in which step it was, and which it had aimed at.
 * @param {string} experiment
 * @param {string} out
 * @param {ReadonlyMap<string, number>} [moments]
 */
function runOnce(experiment, out, moments = new Map()) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, "run", experiment, "--out", out], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    let aim;
    let timer;
    child.stderr.on("data", (text) => {
      stderr += text;
      if (aim !== undefined) return;
      aim = begunIn(stderr).find((step) => moments.has(step));
      if (aim !== undefined) timer = setTimeout(() => child.kill("SIGKILL"), moments.get(aim));
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      const step = begunIn(stderr).at(-1) ?? "the checks before the first step";
      if (signal === "SIGKILL") return resolve({ killed: true, step, aim });
      if (status !== 0) return reject(new Error(`the run ended with ${status}: ${stderr}`));
      resolve({ killed: false, step, aim });
    });
  });
}

/** The steps that a run says it begins. */
function begunIn(stderr) {
  return [...stderr.matchAll(/^note: (.*)\n/gm)].map(([, step]) => step);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: text, experiment: text, alone: text },
  });
  const { kills, passes, steps, problems } = await killDemo({
    kills: Number(positionals[0] ?? 30),
    seed: Number(values.seed ?? 1),
    experiment: values.experiment,
    alone: values.alone,
    say: console.log,
  });
  for (const problem of problems) console.error(problem);
  const where = Object.entries(steps).map(([kind, count]) => `${count} in ${kind}`);
  console.log(`${kills} kills (${where.join(", ")}): ${passes} times to the end, ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
