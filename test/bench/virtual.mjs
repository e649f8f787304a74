// `npm run bench -- virtual`: nine lambdas of one prompt in one batch, beside one lambda, of virtual merges:
// decoding with an adapter and with two full models, summed and exact; and the written checkpoint beside them. With
// `--prompts`, many chat prompts of a real model at several lambdas, beside runs on written checkpoints. With `--requests`, many calls at once
// of values that the model was not opened with.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeAdapter } from "./adapter.mjs";
import { oneB } from "./generate.mjs";
import { benchFolder, warm } from "./models.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";
import { manyPrompts } from "./virtual/manyPrompts.mjs";
import { timeRequests } from "./virtual/requests.mjs";
import { timeSteps } from "./virtual/steps.mjs";

const HELP = `usage: npm run bench -- virtual [options]
  --size tiny|1b     shape of the models (default 1b)
  --lambdas N        lambdas in one batch (default 9; of prompts 5)
  --threads N        (default 2)
  --precision NAME   of activations: float32 or bfloat16 (default bfloat16)
  --decode N         tokens that are timed (default 24)
  --rank N           of the adapter (default 16)
  --runs N           counted runs, the median is shown (default 3)
  --steps N          N decoding steps of rows of all lambdas, of one, and of one row, in turn, with an adapter in float32, instead; with
    --model DIR        in place of the shape of --size
    --weights LIST     forms of the base (default bfloat16,q8_0,q4_k_m); --threads may be a list too
  --requests N       N calls at once of one lambda and of as many that the model was not opened with, with an adapter in float32, instead; with
    --model DIR        in place of the shape of --size
    --new-tokens N     of each answer (default 48)
  --prompts N        many prompts instead, N of them: with
    --model DIR        a chat model
    --adapter DIR      an adapter of it
    --new-tokens N     of each answer, at most (default 48)
  --no-keep          do not write test/bench/results`;

/** What nine lambdas in one batch may cost at most, in times one lambda. */
const GOALS = { linear: { adapter: 2.5, "two models": 4 }, exact: { adapter: 5, "two models": 5 } };

/** @param {string[]} args */
export async function virtual(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      lambdas: { type: "string" },
      threads: { type: "string", default: "2" },
      precision: { type: "string", default: "bfloat16" },
      decode: { type: "string", default: "24" },
      rank: { type: "string", default: "16" },
      runs: { type: "string", default: "3" },
      prompts: { type: "string" },
      steps: { type: "string" },
      requests: { type: "string" },
      weights: { type: "string", default: "bfloat16,q8_0,q4_k_m" },
      model: { type: "string" },
      adapter: { type: "string" },
      "new-tokens": { type: "string", default: "48" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const common = { threads: Number(values.threads), precision: values.precision };
  const count = Number(values.lambdas ?? (values.prompts === undefined ? 9 : 5));
  const lambdas = Array.from({ length: count }, (_, i) => Number(((i + 1) / (count + 1)).toFixed(6)));
  if (values.steps !== undefined) {
    const text = await timeSteps({
      model: values.model ?? oneB(values.size),
      rank: Number(values.rank),
      lambdas,
      weights: values.weights.split(","),
      threads: values.threads.split(",").map(Number),
      precision: values.precision,
      steps: Number(values.steps),
    });
    console.log(text);
    if (!values["no-keep"]) keepResult("virtual steps", `npm run bench -- virtual ${args.join(" ")}`, text);
    return;
  }
  if (values.requests !== undefined) {
    const text = await timeRequests({
      ...common,
      model: values.model ?? oneB(values.size),
      rank: Number(values.rank),
      requests: Number(values.requests),
      newTokens: Number(values["new-tokens"]),
      runs: Number(values.runs),
    });
    console.log(text);
    if (!values["no-keep"]) keepResult("virtual requests", `npm run bench -- virtual ${args.join(" ")}`, text);
    return;
  }
  const text =
    values.prompts === undefined
      ? await decoding(values, lambdas, { ...common, decode: Number(values.decode) })
      : await manyPrompts({
          ...common,
          lambdas,
          count: Number(values.prompts),
          model: values.model,
          adapter: values.adapter,
          maxNewTokens: Number(values["new-tokens"]),
        });
  console.log(text);
  const title = values.prompts === undefined ? "virtual" : `virtual, ${values.prompts} prompts at ${count} lambdas`;
  if (!values["no-keep"]) keepResult(title, `npm run bench -- virtual ${args.join(" ")}`.trim(), text);
}

/** Decoding of one prompt at one lambda and at all: a table. */
async function decoding({ size, rank, runs }, lambdas, common) {
  const aligned = oneB(size);
  const tuned = oneB(size, 1);
  const adapter = join(benchFolder(), `adapter-${size}-${rank}`);
  mkdirSync(adapter, { recursive: true });
  writeAdapter(aligned, adapter, Number(rank), "bfloat16");
  warm([aligned, tuned]);
  const recipe = (name, other) => {
    const file = join(benchFolder(), `virtual-${size}-${name}.json`);
    const models = [{ model: aligned }, { model: other }];
    writeFileSync(file, JSON.stringify({ merge_method: "linear", dtype: "bfloat16", models }));
    return file;
  };
  const middle = lambdas[Math.floor(lambdas.length / 2)];
  const [written] = await milliseconds(runs, [{ ...common, source: aligned }]);
  const rows = [["the aligned model, as it is stored", "", written.toFixed(1), "", "", ""]];
  for (const [name, other] of [
    ["adapter", `${aligned}+${adapter}`],
    ["two models", tuned],
  ]) {
    for (const fidelity of ["linear", "exact"]) {
      const settings = { ...common, source: recipe(name.replace(" ", "-"), other), fidelity };
      const [one, all] = await milliseconds(runs, [
        { ...settings, lambdas: [middle] },
        { ...settings, lambdas },
      ]);
      const goal = lambdas.length === 9 ? `at most ${GOALS[fidelity][name]}` : "";
      rows.push([name, fidelity, one.toFixed(1), all.toFixed(1), (all / one).toFixed(2), goal]);
      console.error(rows.at(-1).join("  "));
    }
  }
  const many = `${lambdas.length} lambdas, ms a step`;
  return table(["merge", "fidelity", "1 lambda, ms a token", many, "ratio", "goal"], rows);
}

/** Milliseconds of a decoding step of each of some settings: medians of fresh processes, in turn. */
async function milliseconds(runs, all) {
  const found = all.map(() => []);
  const script = fileURLToPath(new URL("virtual/runVirtual.mjs", import.meta.url));
  for (let run = 0; run < Number(runs); run++) {
    for (const [at, settings] of all.entries()) {
      const { stdout } = await observe(process.execPath, [script, JSON.stringify(settings)]);
      found[at].push(Number(stdout.trim().split("\n").at(-1)));
    }
  }
  return found.map((times) => median(times));
}
