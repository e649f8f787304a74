// `npm run bench -- safety`: the methods made for safety beside a task_arithmetic that reads the same models, and those that
// are made of large products beside the time of these products in a good sgemm, in the same run.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inspect } from "../../dist/index.js";
import { writeAdapter } from "./adapter.mjs";
import { benchFolder, benchModels, warm } from "./models.mjs";
import { python } from "./peers.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const PRODUCTS = new URL("safety/products.py", import.meta.url).pathname;
const HELP = `usage: npm run bench -- safety [options]
  --size tiny|140m|1b  shape of the models (default 1b: Llama 3.2 1B; 10 GB of models, made once, 13 GB beside them while it runs)
  --methods LIST     comma-separated (default: all)
  --runs N           counted runs of each, the median is shown (default 3; one of methods that are made of large products)
  --no-peers         without the times of sgemm
  --no-keep          do not write test/bench/results`;

/** Recipes over A, U, F (a whole model), and f and s (A with an adapter). `products`: what it is made of. */
const METHODS = {
  task_arithmetic: ({ U, f }) => ({
    models: [
      { model: f, parameters: { weight: 1 } },
      { model: U, parameters: { weight: -0.5 } },
    ],
  }),
  resta: ({ U, f }) => ({ unaligned_model: U, models: [{ model: f }] }),
  safe_lora: ({ U, f }) => ({ unaligned_model: U, models: [{ model: f }] }),
  safemerge: ({ U, f, s }) => ({ unaligned_model: U, safe_model: s, models: [{ model: f }] }),
  lox: ({ U }) => ({ unaligned_model: U, parameters: { k: 8 } }),
  "safe_lora, whole model": ({ U, F }) => ({
    unaligned_model: U,
    models: [{ model: F }],
    parameters: { threshold: 1 },
  }),
  lssf: ({ U, f }) => ({ unaligned_model: U, models: [{ model: f }] }),
};
const LARGE = { "safe_lora, whole model": "gates", lssf: "lssf" };

/** @param {string[]} args */
export async function safety(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      methods: { type: "string" },
      runs: { type: "string", default: "3" },
      "no-peers": { type: "boolean", default: false },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const [U, A, F] = benchModels(values.size);
  const scratch = join(benchFolder(), `run-${process.pid}`);
  mkdirSync(scratch);
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const [f, s] = ["f", "s"].map((name) => {
    const folder = join(scratch, name);
    mkdirSync(folder);
    writeAdapter(A, folder, 16, "float32");
    return `${A}+${folder}`;
  });
  warm([U, A, F]);
  const names = values.methods?.split(/,(?! )/) ?? Object.keys(METHODS).slice(1);
  const measured = new Map();
  for (const name of ["task_arithmetic", ...names]) {
    if (!METHODS[name]) throw new Error(`unknown method ${name}; ${HELP}`);
    console.error(`${name} …`);
    const recipe = join(scratch, "recipe.yml");
    const merge_method = name.split(",")[0];
    writeFileSync(
      recipe,
      JSON.stringify({ merge_method, base_model: A, dtype: "bfloat16", ...METHODS[name]({ U, F, f, s }) }),
    );
    const out = join(scratch, "out");
    const runs = [];
    for (let run = 0; run < (LARGE[name] ? 1 : Number(values.runs)); run++) {
      rmSync(out, { recursive: true, force: true });
      await observe("sync", []);
      runs.push(await observe(process.execPath, [MAIN, "merge", recipe, out, "--quiet", "--no-copy-tokenizer"]));
    }
    rmSync(out, { recursive: true, force: true });
    measured.set(name, {
      seconds: median(runs.map((run) => run.seconds)),
      cpu: median(runs.map((run) => run.cpu)),
      anonymousMb: Math.max(...runs.map((run) => run.anonymousMb)),
    });
  }
  const peer = values["no-peers"] || !names.some((name) => LARGE[name]) ? undefined : await products(A);
  const plain = measured.get("task_arithmetic");
  const rows = [...measured].map(([name, { seconds, cpu, anonymousMb }]) => {
    const own = peer?.[LARGE[name]];
    return [
      name,
      seconds.toFixed(2),
      (seconds / plain.seconds).toFixed(2),
      cpu.toFixed(1),
      (cpu / plain.cpu).toFixed(2),
      anonymousMb.toFixed(0),
      own?.toFixed(1) ?? "",
      own ? (seconds / own).toFixed(2) : "",
    ];
  });
  const head = [
    "method",
    "seconds",
    "x task_arithmetic",
    "CPU s",
    "x",
    "anonymous MB",
    "its products in sgemm, s",
    "x",
  ];
  const notes = peer
    ? `\n\nProducts: ${(peer.gatesFlops / 1e12).toFixed(1)} TFLOP of the gates, ${(peer.lssfFlops / 1e12).toFixed(1)} of lssf, ` +
      `by numpy or torch on ${peer.threads} threads. numpy's eigh of lssf's squares, which is in none of these: ${peer.eigh.toFixed(1)} s.`
    : "";
  const text = table(head, rows) + notes;
  console.log(text);
  const title = `merges made for safety, ${values.size}-shaped bf16, adapters of rank 16, warm, median of ${values.runs}`;
  if (!values["no-keep"]) keepResult(title, `npm run bench -- safety ${args.join(" ")}`.trim(), text);
}

/** Times of the products over all linear layers of blocks, or nothing where there is no numpy and torch. */
async function products(model) {
  if (!existsSync(python)) {
    console.error("numpy and torch are not installed (npm run setup:peers): the last two columns stay empty");
    return undefined;
  }
  console.error("sgemm …");
  const counts = new Map();
  for (const { name, shape } of (await inspect(model)).tensors) {
    if (!/layers\.\d+\..*_proj\.weight$/.test(name)) continue;
    counts.set(shape.join(" "), (counts.get(shape.join(" ")) ?? 0) + 1);
  }
  const shapes = [...counts].map(([shape, count]) => {
    const [rows, cols] = shape.split(" ").map(Number);
    return { rows, cols, count };
  });
  return JSON.parse(execFileSync(python, ["-P", PRODUCTS], { input: JSON.stringify(shapes) }).toString());
}
