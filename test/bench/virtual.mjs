// `npm run bench -- virtual`: nine lambdas of one prompt in one batch, beside one lambda, of merges that are not written:
// decoding with an adapter and with two full models, summed and exact; and the written checkpoint beside them.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { oneB } from "./generate.mjs";
import { benchFolder, warm } from "./models.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";
import { writeAdapter } from "./virtual/adapter.mjs";

const HELP = `usage: npm run bench -- virtual [options]
  --size tiny|1b     shape of the models (default 1b)
  --lambdas N        lambdas in one batch (default 9)
  --threads N        (default 2)
  --precision NAME   of activations: float32 or bfloat16 (default bfloat16)
  --decode N         tokens that are timed (default 24)
  --rank N           of the adapter (default 16)
  --runs N           counted runs, the median is shown (default 3)
  --no-keep          do not write test/bench/results`;

/** @param {string[]} args */
export async function virtual(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      lambdas: { type: "string", default: "9" },
      threads: { type: "string", default: "2" },
      precision: { type: "string", default: "bfloat16" },
      decode: { type: "string", default: "24" },
      rank: { type: "string", default: "16" },
      runs: { type: "string", default: "3" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const { size } = values;
  const aligned = oneB(size);
  const tuned = oneB(size, 1);
  const adapter = join(benchFolder(), `adapter-${size}-${values.rank}`);
  mkdirSync(adapter, { recursive: true });
  writeAdapter(aligned, adapter, Number(values.rank));
  warm([aligned, tuned]);
  const recipe = (name, other) => {
    const file = join(benchFolder(), `virtual-${size}-${name}.json`);
    const models = [{ model: aligned }, { model: other }];
    writeFileSync(file, JSON.stringify({ merge_method: "linear", dtype: "bfloat16", models }));
    return file;
  };
  const count = Number(values.lambdas);
  const lambdas = Array.from({ length: count }, (_, i) => Number(((i + 1) / (count + 1)).toFixed(6)));
  const common = { threads: Number(values.threads), precision: values.precision, decode: Number(values.decode) };
  const runs = Number(values.runs);
  const rows = [["the aligned model, written", "", (await seconds(runs, { ...common, source: aligned })).toFixed(1)]];
  for (const [name, other] of [
    ["adapter", `${aligned}+${adapter}`],
    ["two models", tuned],
  ]) {
    for (const fidelity of ["linear", "exact"]) {
      const settings = { ...common, source: recipe(name.replace(" ", "-"), other), fidelity };
      const one = await seconds(runs, { ...settings, lambdas: [lambdas[Math.floor(count / 2)]] });
      const all = await seconds(runs, { ...settings, lambdas });
      rows.push([name, fidelity, one.toFixed(1), all.toFixed(1), `${(all / one).toFixed(2)}x`]);
      console.error(rows.at(-1).join("  "));
    }
  }
  const head = ["merge", "fidelity", "1 lambda, ms a token", `${count} lambdas, ms a step`, "ratio"];
  const width = head.length;
  const text = table(
    head,
    rows.map((row) => [...row, ...Array(width - row.length).fill("")]),
  );
  console.log(text);
  if (!values["no-keep"]) keepResult("virtual", `npm run bench -- virtual ${args.join(" ")}`.trim(), text);
}

/** Milliseconds of a decoding step, the median of fresh processes. */
async function seconds(runs, settings) {
  const found = [];
  const script = fileURLToPath(new URL("virtual/runVirtual.mjs", import.meta.url));
  for (let run = 0; run < runs; run++) {
    const { stdout } = await observe(process.execPath, [script, JSON.stringify(settings)]);
    found.push(Number(stdout.trim().split("\n").at(-1)));
  }
  return median(found);
}
