// Kills a command before each system call that changes the disk, and looks at what is left.
//   node test/faults/killEach.mjs [NAME...] [--most N] [--kills N] [--jobs 2] [--keep]
// Names are those of commands.mjs; all by default. --most: not every call, but so many of each command. --kills: so many
// kills of each command, beginning again with its first call where it makes fewer. After each kill every output is absent,
// old or complete; started once more, the command ends with the bytes of a run that was left alone, and nothing lies beside
// them. --keep: appends what was counted to test/bench/results. Needs dist/ and the addon (npm run build), a C compiler, and Linux.

import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { keepResult, table } from "../bench/results.mjs";
import { scenarios } from "./commands.mjs";
import { cannotInterrupt, interrupt } from "./interrupt.mjs";
import { differences, treeOf, wrongOutputs } from "./places.mjs";

/** @typedef {import("./commands.mjs").Scenario} Scenario */
/** @typedef {{ calls: number, kills: number, complete: number, problems: string[] }} Outcome `complete`: outputs that were whole after the kill */

/** @typedef {import("./interrupt.mjs").Call} Call */

/**
 * @param {string} name of a scenario
 * @param {{ most?: number, kills?: number, jobs?: number }} [options] `most`: of so many calls, each once; `kills`: so many
 * @returns {Promise<Outcome>}
 */
export async function killEach(name, { kills, most = kills ?? Number.POSITIVE_INFINITY, jobs = 2 } = {}) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-kill-each-")));
  try {
    const scenario = scenarios(join(folder, "inputs")).find((one) => one.name === name);
    if (!scenario) throw new Error(`no scenario ${name}`);
    const { place, old, before, wanted, calls } = await undisturbed(scenario, folder);
    const outcome = { calls: calls.length, kills: 0, complete: 0, problems: /** @type {string[]} */ ([]) };
    const chosen = choose(
      calls,
      scenario.outputs.map((output) => join(place, output)),
      most,
    );
    const once = [...chosen];
    while (chosen.length < (kills ?? 0)) chosen.push(/** @type {number} */ (once[chosen.length % once.length]));
    let started = 0;
    const worker = async () => {
      for (let at = chosen.shift(); at !== undefined; at = chosen.shift()) {
        const own = join(folder, `kill-${started++}`);
        await killOne(scenario, at, { own, place, old, before, wanted }, outcome);
        rmSync(own, { recursive: true, force: true });
      }
    };
    await Promise.all(Array.from({ length: jobs }, worker));
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Numbers of at most so many calls: those that give an output its name and those after them first, the others evenly.
 * @param {readonly Call[]} calls
 * @param {readonly string[]} outputs
 * @param {number} most
 */
export function choose(calls, outputs, most) {
  if (calls.length <= most) return calls.map(({ number }) => number);
  const named = calls.filter(({ kind, path }) => kind === "rename" && outputs.includes(path));
  const chosen = new Set(named.flatMap(({ number }) => [number, Math.min(number + 1, calls.length)]).slice(-most));
  const left = most - chosen.size;
  for (let i = 0; i < left; i++) {
    let number = 1 + Math.floor(((i + 0.5) * calls.length) / left);
    while (chosen.has(number)) number = (number % calls.length) + 1;
    chosen.add(number);
  }
  return [...chosen].sort((a, b) => a - b);
}

/**
 * Runs a scenario without a fault. Every run has its place at the same path below a folder of its own.
 * @param {Scenario} scenario
 * @param {string} folder
 */
export async function undisturbed(scenario, folder) {
  const place = join(folder, "undisturbed");
  mkdirSync(place);
  const old = join(folder, "old");
  mkdirSync(old);
  if (scenario.old) await succeed(scenario.old(old), old);
  const before = treeOf(old, scenario.normal);
  cpSync(old, place, { recursive: true });
  const { calls } = await succeed(scenario.args(place), place);
  const wanted = treeOf(place, scenario.normal);
  for (const output of scenario.outputs) {
    if (!wanted.has(output)) throw new Error(`${scenario.name} makes no ${output}`);
  }
  return { place, old, before, wanted, calls };
}

/**
 * @param {readonly string[]} args
 * @param {string} folder
 */
async function succeed(args, folder) {
  const run = await interrupt(args, { folder });
  if (run.status !== 0) throw new Error(`retemper ${args.join(" ")} ended with ${run.status}: ${run.stderr}`);
  return run;
}

/**
 * @param {Scenario} scenario
 * @param {number} at
 * @param {{ own: string, old: string } & Omit<Awaited<ReturnType<typeof undisturbed>>, "calls">} state
 * @param {Outcome} outcome
 */
async function killOne(scenario, at, { own, old, before, wanted }, outcome) {
  cpSync(old, own, { recursive: true });
  const { status, calls, stderr } = await interrupt(scenario.args(own), { folder: own, at });
  const call = calls.at(-1);
  const where = `${scenario.name}, killed before call ${at} (${call?.kind} ${call?.path.slice(own.length + 1)})`;
  if (!call?.hit) {
    // A run may make a call fewer than the counted one.
    if (status !== 0) outcome.problems.push(`${where}: ended with ${status} before: ${stderr}`);
    return;
  }
  outcome.kills += 1;
  const tree = treeOf(own, scenario.normal);
  const wrong = wrongOutputs(scenario, tree, wanted, before);
  outcome.problems.push(...wrong.map((problem) => `${where}: ${problem}`));
  const whole =
    scenario.outputs.length > 0 &&
    scenario.outputs.every(
      (output) => tree.get(output) && !wrongOutputs({ ...scenario, outputs: [output] }, tree, wanted, new Map()).length,
    );
  if (whole) outcome.complete += 1;

  const again = await interrupt(scenario.again(own, whole), { folder: own });
  if (again.status !== 0) outcome.problems.push(`${where}: the next run ended with ${again.status}: ${again.stderr}`);
  const left = differences(treeOf(own, scenario.normal), wanted);
  if (left.length > 0) outcome.problems.push(`${where}: after the next run ${left.join(", ")}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = /** @type {const} */ ({ type: "string" });
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { most: text, kills: text, jobs: text, keep: { type: "boolean" } },
  });
  const reason = cannotInterrupt();
  if (reason !== undefined) {
    console.log(`SKIPPED: ${reason}`);
    process.exit(0);
  }
  const unused = mkdtempSync(join(tmpdir(), "retemper-kill-each-"));
  const names = positionals.length > 0 ? positionals : scenarios(unused).map(({ name }) => name);
  rmSync(unused, { recursive: true });
  let failed = 0;
  /** @type {(string | number)[][]} */
  const counted = [];
  for (const name of names) {
    const started = performance.now();
    const { calls, kills, complete, problems } = await killEach(name, {
      ...(values.most !== undefined && { most: Number(values.most) }),
      ...(values.kills !== undefined && { kills: Number(values.kills) }),
      jobs: Number(values.jobs ?? 2),
    });
    for (const problem of problems) console.error(problem);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(
      `${name}: ${calls} calls, ${kills} kills, ${complete} of them left it complete, ${problems.length} problems (${seconds} s)`,
    );
    failed += problems.length;
    counted.push([name, calls, kills, complete, problems.length, seconds]);
  }
  if (values.keep) {
    const head = ["command", "calls", "kills", "left complete", "problems", "s"];
    const command = `node test/faults/killEach.mjs ${process.argv.slice(2).join(" ")}`;
    keepResult("Kills at system calls", command, table(head, counted));
  }
  process.exitCode = failed > 0 ? 1 : 0;
}
