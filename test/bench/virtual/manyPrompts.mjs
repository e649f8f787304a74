// Many prompts at several lambdas, in one call on a virtual merge, beside one run for each written checkpoint:
// seconds, memory, disk, and how many greedy answers are the same.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchFolder, warm, weightBytes } from "../models.mjs";
import { observe } from "../process.mjs";
import { table } from "../results.mjs";

const runner = fileURLToPath(new URL("runPrompts.mjs", import.meta.url));
const command = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

/**
 * @param {{ model: string, adapter: string, lambdas: number[], count: number, maxNewTokens: number, threads: number,
 *   precision: string }} settings
 * @returns {Promise<string>} a table
 */
export async function manyPrompts({ model, adapter, lambdas, ...common }) {
  const recipe = join(benchFolder(), "virtual-prompts.json");
  const points = join(benchFolder(), "virtual-prompts");
  const models = [{ model }, { model: `${model}+${adapter}` }];
  writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models }));
  rmSync(points, { recursive: true, force: true });
  warm([model, adapter]);

  const sweeping = await observe(process.execPath, [command, "sweep", recipe, points, "--lambda", lambdas.join(",")]);
  const written = { seconds: 0, cpu: 0, anonymousMb: 0, residentMb: 0, answers: {} };
  for (const lambda of lambdas) {
    const run = await ask({ ...common, source: join(points, `lambda-${lambda}`) });
    for (const [key, ids] of Object.entries(run.answers)) written.answers[key.replace("-", String(lambda))] = ids;
    written.seconds += run.seconds;
    written.cpu += run.cpu;
    written.anonymousMb = Math.max(written.anonymousMb, run.anonymousMb);
    written.residentMb = Math.max(written.residentMb, run.residentMb);
  }
  const bytes = lambdas.reduce((sum, lambda) => sum + weightBytes(join(points, `lambda-${lambda}`)), 0);
  rmSync(points, { recursive: true, force: true });

  const row = (what, { seconds, cpu, anonymousMb, residentMb }, disk, same) => [
    ...[what, seconds.toFixed(1), cpu.toFixed(1), anonymousMb.toFixed(0), residentMb.toFixed(0)],
    ...[disk, same],
  ];
  const rows = [
    row(`write ${lambdas.length} checkpoints (retemper sweep)`, sweeping, `${(bytes / 1e6).toFixed(0)}`, ""),
    row(`${lambdas.length} runs, one a checkpoint`, written, "", ""),
  ];
  for (const fidelity of ["linear", "exact"]) {
    const run = await ask({ ...common, source: recipe, lambdas, fidelity });
    const keys = Object.keys(written.answers);
    const same = keys.filter((key) => String(run.answers[key]) === String(written.answers[key])).length;
    rows.push(row(`one call, nothing written, ${fidelity}`, run, "0", `${same} of ${keys.length}`));
  }
  const head = ["what", "seconds", "CPU s", "anonymous MB", "resident MB", "MB on disk", "same answers as written"];
  return table(head, rows);
}

async function ask(settings) {
  const { stdout, ...observed } = await observe(process.execPath, [runner, JSON.stringify(settings)]);
  return { ...observed, answers: JSON.parse(stdout.trim().split("\n").at(-1)) };
}
