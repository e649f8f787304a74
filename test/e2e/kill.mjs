// Kills merges with SIGKILL at random moments and looks at what is left.
//   node test/e2e/kill.mjs [N = 200] [--seed S] [--mb 50]
// After every kill the output is either as it was before (absent, or the old one) or complete; after a last merge that
// is left alone, nothing lies beside it. A run that ends before its kill does not count. test/faults/killEach.mjs kills at
// system calls instead of moments. Needs dist/ and the addon (npm run build).

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
 * @param {{ kills: number, seed?: number, megabytes?: number, say?: (text: string) => void }} options
 * @returns {Promise<{ kills: number, writing: number, untouched: number, complete: number, problems: string[] }>} `kills`
 * met a running merge, `writing` of them one that had begun to write, by the folder that it left.
 */
export async function killMerges({ kills, seed = 1, megabytes = 50, say = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), "retemper-kill-"));
  try {
    const vocab = Math.round((megabytes * 1e6) / 2 / 512);
    const shape = { layers: 2, hidden: 512, intermediate: 512, kv: 64, vocab, seed: 1 };
    const [base, tuned] = makeLargeModels(join(folder, "models"), shape, 1);
    const recipes = [0.3, 0.7].map((weight, i) => {
      const path = join(folder, `recipe-${i}.json`);
      const models = [
        { model: base, parameters: { weight: 1 - weight } },
        { model: tuned, parameters: { weight } },
      ];
      writeFileSync(path, JSON.stringify({ merge_method: "linear", models }));
      return path;
    });
    const parent = join(folder, "results");
    mkdirSync(parent);
    const out = join(parent, "out");

    // The two possible outputs, and how long a merge takes.
    const digests = [];
    let duration = 0;
    for (const recipe of recipes) {
      const startedAt = performance.now();
      await runMerge(recipe, out);
      duration = Math.max(duration, performance.now() - startedAt);
      digests.push(digestOf(out));
      rmSync(out, { recursive: true });
    }
    if (digests[0] === digests[1]) throw new Error("the two recipes give the same output; the check would see nothing");

    const random = generator(seed);
    const outcome = { kills: 0, writing: 0, untouched: 0, complete: 0, problems: [] };
    const isStaged = () => readdirSync(parent).some((name) => /^\.out\.retemper-/.test(name));
    for (let i = 0; outcome.kills < kills || outcome.writing < kills / 4; i++) {
      if (i === 20 * kills) throw new Error(`of ${i} merges only ${outcome.kills} were killed before their end`);
      const recipe = i % 2;
      const before = existsSync(out) ? digestOf(out) : "absent";
      // Every second kill comes once the merge writes, and of these half near the end, where the output gets its name; the
      // others come at any moment. What a kill has left is gone by the time at which the next merge begins to write.
      const writing = i % 4 < 2;
      const delay = (i % 8 < 4 ? random() : 0.7 + random() * 0.3) * duration * (writing ? 0.05 : 1);
      for (const name of readdirSync(parent)) {
        if (writing && name.startsWith(".out.retemper-")) rmSync(join(parent, name), { recursive: true });
      }
      const killed = await runMerge(recipes[recipe], out, { delay, after: writing ? isStaged : () => true });
      const after = existsSync(out) ? await checkedDigest(out) : "absent";
      const complete = after === digests[recipe] && after !== before;
      if (!complete && after !== before) {
        outcome.problems.push(`start ${i}, killed after ${delay.toFixed(1)} ms: ${before} became ${after}`);
      }
      if (killed) {
        outcome.kills++;
        if (isStaged()) outcome.writing++;
        if (complete) outcome.complete++;
        else outcome.untouched++;
        if (outcome.kills % 20 === 0) say(`${outcome.kills} kills: ${outcome.writing} of merges that wrote`);
      }
      // Half of the kills meet an old output that is to be replaced, the others none.
      if (random() < 0.5) rmSync(out, { recursive: true, force: true });
    }

    await runMerge(recipes[0], out);
    if ((await checkedDigest(out)) !== digests[0]) outcome.problems.push("the last merge gave other bytes");
    const left = readdirSync(parent).filter((name) => name !== "out");
    if (left.length > 0) outcome.problems.push(`left beside the output: ${left.join(", ")}`);
    return outcome;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs one merge; with a kill, kills it so many milliseconds after a condition holds.
 * @param {string} recipe
 * @param {string} out
 * @param {{ delay: number, after: () => boolean }} [kill]
 * @returns {Promise<boolean>} whether it was killed before its end
 */
function runMerge(recipe, out, kill) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, "merge", recipe, out, "--force", "--quiet"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    let since;
    const look = () => {
      if (since === undefined && kill.after()) since = performance.now();
      if (since !== undefined && performance.now() - since >= kill.delay) child.kill("SIGKILL");
    };
    const timer = kill === undefined ? undefined : setInterval(look, 1);
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearInterval(timer);
      if (status === 0 || signal === "SIGKILL") resolve(signal === "SIGKILL");
      else reject(new Error(`the merge ended with ${status}: ${stderr}`));
    });
  });
}

/** The recorded digest of the weights; an output without its record is not complete. */
function digestOf(out) {
  try {
    const { outputs, files = outputs } = JSON.parse(readFileSync(join(out, "retemper.json"), "utf8"));
    return JSON.stringify(files);
  } catch (error) {
    return `incomplete (${error.message})`;
  }
}

async function checkedDigest(out) {
  const { ok, problems } = await verify(out);
  return ok ? digestOf(out) : `broken (${problems.join("; ")})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: "string" }, mb: { type: "string" } },
  });
  const { kills, writing, untouched, complete, problems } = await killMerges({
    kills: Number(positionals[0] ?? 200),
    seed: Number(values.seed ?? 1),
    megabytes: Number(values.mb ?? 50),
    say: console.log,
  });
  for (const problem of problems) console.error(problem);
  console.log(
    `${kills} kills, ${writing} of merges that wrote: ${untouched} left the output as it was, ${complete} complete, ${problems.length} problems`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
