// Kills a batch with SIGKILL at random moments, starts it again each time, and looks at what there is.
//   node test/e2e/killBatch.mjs [N = 50] [--seed S] [--entries 20] [--mb 2]
// After every kill each output is absent or complete; in the end all are, with every digest verified, the same bytes as
// without a kill, and nothing lies beside them. Every fourth entry is a recipe of several documents, whose stages must be
// gone; every fourth reads the output of the one before it. Needs dist/ and the addon (npm run build).

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeLargeModels } from "../../scripts/makeLargeModel.mjs";
import { generator } from "./generator.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const main = join(root, "dist/cli/main.js");
const { verify } = await import(join(root, "dist/index.js"));

/**
 * @param {{ kills: number, seed?: number, entries?: number, megabytes?: number, say?: (text: string) => void }} options
 * @returns {Promise<{ kills: number, passes: number, skipped: number, problems: string[] }>} kills that met a running
 * batch; how often the batch was completed; entries that a restart found complete.
 */
export async function killBatch({ kills, seed = 1, entries = 20, megabytes = 2, say = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), "retemper-kill-batch-"));
  try {
    const vocab = Math.max(64, Math.round((megabytes * 1e6) / 2 / 256));
    const shape = { layers: 2, hidden: 256, intermediate: 256, kv: 64, vocab, seed: 1 };
    const [base, tuned] = makeLargeModels(join(folder, "models"), shape, 1);
    const names = Array.from({ length: entries }, (_, i) => `out-${String(i).padStart(2, "0")}`);
    const manifestFor = (outs) => {
      const file = join(folder, `${outs}.json`);
      const list = names.map((out, i) => ({
        out,
        recipe: recipeOf(i, entries, base, tuned, join(folder, outs, names[i - 1] ?? "")),
      }));
      writeFileSync(file, JSON.stringify(list));
      return file;
    };

    // What must come of it, and how long that takes.
    const startedAt = performance.now();
    await runBatch(manifestFor("whole"), join(folder, "whole"));
    const duration = performance.now() - startedAt;
    const wanted = names.map((name) => tensorsOf(join(folder, "whole", name)));

    const outs = join(folder, "outs");
    const manifest = manifestFor("outs");
    const random = generator(seed);
    const outcome = { kills: 0, passes: 0, skipped: 0, problems: [] };
    for (let i = 0; outcome.kills < kills; i++) {
      // Most kills come while merges run; the delays are spread so that a batch takes several starts. The first kill waits
      // for an output, so that, however fast the machine is, a restart finds one complete.
      const when = outcome.kills === 0 ? join(outs, names[0]) : (0.05 + random() * 0.6) * duration;
      const { killed, report } = await runBatch(manifest, outs, when, 1 + (i % 3));
      if (killed) outcome.kills += 1;
      for (const [at, name] of names.entries()) {
        const out = join(outs, name);
        if (!existsSync(out)) continue;
        const { ok, problems } = await verify(out);
        if (!ok) outcome.problems.push(`start ${i}: ${name}: ${problems.join("; ")}`);
        else if (tensorsOf(out) !== wanted[at]) outcome.problems.push(`start ${i}: ${name} has other bytes`);
      }
      if (report) {
        outcome.passes += 1;
        outcome.skipped += report.counts.skipped;
        outcome.problems.push(...leftovers(outs, names));
        rmSync(outs, { recursive: true });
      }
      if ((i + 1) % 10 === 0) say(`${outcome.kills} kills, ${outcome.passes} times complete`);
    }

    const { report } = await runBatch(manifest, outs);
    outcome.passes += 1;
    outcome.skipped += report.counts.skipped;
    outcome.problems.push(...leftovers(outs, names));
    for (const [at, name] of names.entries()) {
      if (!(await verify(join(outs, name))).ok) outcome.problems.push(`in the end ${name} is not as it was written`);
      if (tensorsOf(join(outs, name)) !== wanted[at]) outcome.problems.push(`in the end ${name} has other bytes`);
    }
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function recipeOf(i, entries, base, tuned, previous) {
  const weight = (i + 1) / (entries + 1);
  const linear = (one, other) => ({
    merge_method: "linear",
    models: [
      { model: one, parameters: { weight: 1 - weight } },
      { model: other, parameters: { weight } },
    ],
  });
  if (i % 4 === 1) return [{ name: "half", ...linear(base, tuned) }, linear("half", tuned)];
  if (i % 4 === 2) return linear(previous, tuned);
  return linear(base, tuned);
}

function leftovers(outs, names) {
  const left = readdirSync(outs).filter((name) => !names.includes(name));
  return left.length > 0 ? [`left beside the outputs: ${left.join(", ")}`] : [];
}

/**
 * Runs the batch, and kills it after `when` milliseconds, or as soon as there is the path `when`. The report is that of a
 * batch that ended.
 */
function runBatch(manifest, outs, when, jobs = 1) {
  return new Promise((resolve, reject) => {
    const args = [main, "batch", manifest, "--out", outs, "--jobs", String(jobs), "--json", "--quiet"];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const started = performance.now();
    const isTime = () => (typeof when === "number" ? performance.now() - started >= when : existsSync(when));
    const timer = when === undefined ? undefined : setInterval(() => isTime() && child.kill("SIGKILL"), 1);
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearInterval(timer);
      if (signal === "SIGKILL") return resolve({ killed: true });
      if (status !== 0) return reject(new Error(`the batch ended with ${status}: ${stderr}`));
      resolve({ killed: false, report: JSON.parse(stdout.trim().split("\n").at(-1)).result });
    });
  });
}

/** A digest of the weights of an output. */
function tensorsOf(out) {
  return createHash("sha256")
    .update(readFileSync(join(out, "model.safetensors")))
    .digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const number = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: number, entries: number, mb: number },
  });
  const { kills, passes, skipped, problems } = await killBatch({
    kills: Number(positionals[0] ?? 50),
    seed: Number(values.seed ?? 1),
    entries: Number(values.entries ?? 20),
    megabytes: Number(values.mb ?? 2),
    say: console.log,
  });
  for (const problem of problems) console.error(problem);
  console.log(
    `${kills} kills: the batch was completed ${passes} times, restarts found ${skipped} entries complete, ${problems.length} problems`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
