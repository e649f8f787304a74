// Lets each system call of a command fail that reads its inputs or changes the disk, and looks at what is said and left.
//   node test/faults/failEach.mjs [NAME...] [--most N] [--jobs 2]
// Names are those of commands.mjs; all by default. A call that fails ends the command with the code of docs/errors.md, the
// file and a remedy; a short or interrupted one does not end it. Each output is then absent, old or complete; what is whole
// or nothing leaves nothing beside it; and the next run comes to the bytes of one without faults.
// Needs dist/ and the addon (npm run build), a C compiler, and Linux.

import { cpSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { scenarios } from "./commands.mjs";
import { CHANGES, cannotInterrupt, interrupt } from "./interrupt.mjs";
import { choose, undisturbed } from "./killEach.mjs";
import { differences, treeOf, wrongOutputs } from "./places.mjs";

/** @typedef {import("./commands.mjs").Scenario} Scenario */
/** @typedef {import("./interrupt.mjs").Call} Call */
/** @typedef {{ errno: keyof typeof constants.errno | "short", status: number, lasts?: boolean }} Fault */

const ALL = `${CHANGES},read`;

/**
 * What may become of a call, by its kind, and the command's exit status then. A call takes one of them, the next call the next:
 * over a whole run each kind meets each. `lasts`: all that follow fail likewise, as on a disk that is full.
 * @type {Readonly<Record<string, readonly Fault[]>>}
 */
const FAULTS = {
  open: [
    { errno: "EACCES", status: 7 },
    { errno: "ENOSPC", status: 6 },
    { errno: "EMFILE", status: 7 },
    { errno: "EROFS", status: 7, lasts: true },
  ],
  make: [
    { errno: "ENOSPC", status: 6 },
    { errno: "EROFS", status: 7, lasts: true },
    { errno: "EACCES", status: 7 },
  ],
  write: [
    { errno: "ENOSPC", status: 6, lasts: true },
    { errno: "short", status: 0 },
    { errno: "EDQUOT", status: 6 },
    { errno: "EIO", status: 7 },
    { errno: "EFBIG", status: 6 },
    { errno: "EINTR", status: 0 },
  ],
  size: [
    { errno: "ENOSPC", status: 6 },
    { errno: "EFBIG", status: 6 },
  ],
  // Once it has failed, the pages may be gone: a second try that succeeds would prove nothing.
  sync: [
    { errno: "EIO", status: 7 },
    { errno: "ENOSPC", status: 6 },
    { errno: "EDQUOT", status: 6 },
  ],
  rename: [
    { errno: "EIO", status: 7 },
    { errno: "ENOSPC", status: 6 },
    { errno: "EACCES", status: 7 },
  ],
  read: [
    { errno: "EIO", status: 7 },
    { errno: "short", status: 0 },
    { errno: "EINTR", status: 0 },
  ],
};

/**
 * @param {string} name of a scenario
 * @param {{ most?: number, jobs?: number, kinds?: string, on?: RegExp, errno?: Fault["errno"] }} [options] at most so many
 * calls, of these kinds, on such files; one fault instead of all
 * @returns {Promise<{ faults: number, problems: string[] }>}
 */
export async function failEach(name, { most = Number.POSITIVE_INFINITY, jobs = 2, kinds = ALL, on = /./, errno } = {}) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-fail-each-")));
  try {
    const scenario = scenarios(join(folder, "inputs")).find((one) => one.name === name);
    if (!scenario) throw new Error(`no scenario ${name}`);
    const { old, before, wanted } = await undisturbed(scenario, folder);
    // Counted once more, reads of the inputs too.
    const counted = join(folder, "counted");
    cpSync(old, counted, { recursive: true });
    const { calls } = await interrupt(scenario.args(counted), { folder, kinds });
    const outcome = { faults: 0, problems: /** @type {string[]} */ ([]) };
    const met = calls.filter(({ kind, path }) => kind in FAULTS && on.test(path));
    const chosen = choose(
      met.map((call, at) => ({ ...call, number: at + 1 })),
      [],
      most,
    );
    const worker = async () => {
      for (let at = chosen.shift(); at !== undefined; at = chosen.shift()) {
        const call = met[at - 1];
        if (!call) continue;
        const alike = met.slice(0, at).filter(({ kind }) => kind === call.kind).length;
        const list = (FAULTS[call.kind] ?? []).filter((one) => errno === undefined || one.errno === errno);
        const fault = list[(alike - 1) % list.length];
        const own = join(folder, `fail-${at}`);
        cpSync(old, own, { recursive: true });
        if (fault) await failOne(scenario, call, fault, { folder, kinds, own, before, wanted }, outcome);
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
 * @param {Scenario} scenario
 * @param {Call} call
 * @param {Fault} fault
 * @param {{ folder: string, kinds: string, own: string } & Pick<Awaited<ReturnType<typeof undisturbed>>, "before" | "wanted">} state
 * @param {{ faults: number, problems: string[] }} outcome
 */
async function failOne(scenario, call, { errno, status, lasts }, { folder, kinds, own, before, wanted }, outcome) {
  const action = errno === "short" ? errno : constants.errno[errno];
  const at = `${call.number}${lasts ? "+" : ""}`;
  const run = await interrupt(scenario.args(own), { folder, kinds, at, action });
  const met = run.calls.find(({ hit }) => hit);
  if (!met) return; // a read of a single byte cannot be short
  outcome.faults += 1;
  const where = `${scenario.name}, ${errno} at call ${at} (${met.kind} ${met.path.slice(folder.length + 1)})`;
  const tell = (/** @type {string} */ problem) => outcome.problems.push(`${where}: ${problem}`);
  // A lock may be had in another way, and where names cannot be swapped, they are renamed one after the other.
  const minor = run.status === 0 && (/lock$/.test(met.path) || met.kind === "rename");
  if (run.status !== status && !minor) tell(`ended with ${run.status} and not ${status}: ${run.stderr}${run.stdout}`);
  // Of several problems each has its remedy in brackets.
  if (run.status !== 0 && !/\nhint: |\(.*\)$/m.test(run.stderr)) tell(`no hint: ${run.stderr}`);
  if (run.status !== 0 && !run.stderr.includes(folder)) tell(`no file: ${run.stderr}`);
  if (run.status === 7 && met.kind === "read" && /safetensors$/.test(met.path) && !/byte \d+/.test(run.stderr))
    tell(`no offset: ${run.stderr}`);

  const tree = treeOf(own, scenario.normal);
  for (const problem of wrongOutputs(scenario, tree, wanted, before)) tell(problem);
  // A disk that stays broken lets nothing be removed either.
  if (run.status !== 0 && scenario.atomic && errno !== "EROFS") {
    const left = differences(tree, before);
    if (left.length > 0 && differences(tree, wanted).length > 0) tell(`after it ${left.join(", ")}`);
  }
  const whole =
    scenario.outputs.length > 0 &&
    wrongOutputs(scenario, tree, wanted, new Map()).length === 0 &&
    scenario.outputs.every((output) => tree.has(output));
  if (run.status === 0) {
    for (const left of differences(tree, wanted)) tell(left);
    return;
  }
  const again = await interrupt(scenario.again(own, whole), { folder: own });
  if (again.status !== 0) tell(`the next run ended with ${again.status}: ${again.stderr}`);
  for (const left of differences(treeOf(own, scenario.normal), wanted)) tell(`after the next run ${left}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = /** @type {const} */ ({ type: "string" });
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { most: text, jobs: text, kinds: text },
  });
  const reason = cannotInterrupt();
  if (reason !== undefined) {
    console.log(`SKIPPED: ${reason}`);
    process.exit(0);
  }
  const unused = mkdtempSync(join(tmpdir(), "retemper-fail-each-"));
  const names = positionals.length > 0 ? positionals : scenarios(unused).map(({ name }) => name);
  rmSync(unused, { recursive: true });
  let failed = 0;
  for (const name of names) {
    const started = performance.now();
    const { faults, problems } = await failEach(name, {
      most: Number(values.most ?? Number.POSITIVE_INFINITY),
      jobs: Number(values.jobs ?? 2),
      ...(values.kinds !== undefined && { kinds: values.kinds }),
    });
    for (const problem of problems) console.error(problem);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${name}: ${faults} faults, ${problems.length} problems (${seconds} s)`);
    failed += problems.length;
  }
  process.exitCode = failed > 0 ? 1 : 0;
}
