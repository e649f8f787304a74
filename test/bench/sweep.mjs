// `npm run bench -- sweep`: nine lambdas in one pass, beside the floor (read the inputs, write nine outputs) and the
// CPU seconds of nine single merges.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { floorSeconds } from "./floor.mjs";
import { benchFolder, benchModels, warm, weightBytes } from "./models.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const LAMBDAS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const HELP = `usage: npm run bench -- sweep [options]
  --size tiny|1b   shape of the models (default 1b)
  --runs N         counted runs, the median is shown (default 3)
  --no-keep        do not write test/bench/results`;

/** @param {string[]} args */
export async function sweep(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      runs: { type: "string", default: "3" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const models = benchModels(values.size).slice(0, 2);
  const scratch = join(benchFolder(), `run-${process.pid}`);
  mkdirSync(scratch);
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  warm(models);
  const recipe = join(scratch, "linear.yml");
  const write = (weights) =>
    writeFileSync(
      recipe,
      JSON.stringify({
        merge_method: "linear",
        dtype: "bfloat16",
        models: models.map((model, at) => ({ model, ...(weights ? { parameters: { weight: weights[at] } } : {}) })),
      }),
    );
  const out = join(scratch, "out");
  const bytes = weightBytes(models[0]);
  const floors = [];
  const passes = [];
  for (let run = 0; run < Number(values.runs); run++) {
    floors.push(floorSeconds(models, bytes, join(scratch, "floor"), LAMBDAS.length));
    write(undefined);
    const flags = ["--lambda", LAMBDAS.join(","), "--quiet", "--no-copy-tokenizer"];
    passes.push(await observe(process.execPath, [MAIN, "sweep", recipe, out, ...flags]));
    rmSync(out, { recursive: true, force: true });
  }
  let cpu = 0;
  let alone = 0;
  for (const lambda of LAMBDAS) {
    write([1 - lambda, lambda]);
    const single = await observe(process.execPath, [MAIN, "merge", recipe, out, "--quiet", "--no-copy-tokenizer"]);
    cpu += single.cpu;
    alone += single.seconds;
    rmSync(out, { recursive: true, force: true });
  }
  const seconds = median(passes.map((pass) => pass.seconds));
  const floor = median(floors);
  const text = table(
    ["what", "seconds", "x floor", "CPU s", "anonymous MB"],
    [
      ["floor: cat of 2 inputs, write and fsync of 9 outputs", floor.toFixed(2), "1.00", "", ""],
      [
        "9 lambdas in one pass",
        seconds.toFixed(2),
        (seconds / floor).toFixed(2),
        median(passes.map((pass) => pass.cpu)).toFixed(1),
        Math.max(...passes.map((pass) => pass.anonymousMb)).toFixed(0),
      ],
      ["9 single merges", alone.toFixed(2), (alone / floor).toFixed(2), cpu.toFixed(1), ""],
    ],
  );
  console.log(text);
  if (!values["no-keep"])
    keepResult(
      `sweep, ${values.size}-shaped bf16, 9 lambdas, linear`,
      `npm run bench -- sweep ${args.join(" ")}`.trim(),
      text,
    );
}
