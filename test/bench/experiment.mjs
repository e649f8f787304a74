// `npm run bench -- experiment`: evaluating nine lambdas of a virtual merge at once, beside evaluating nine checkpoints
// one after the other, and beside the same merge unwritten with one lambda at a time. By the number of questions, since what
// is shared counts most where few are asked at once. Each evaluation is a process of its own, the ways in turn. With `--whole`, an
// experiment end to end instead, beside what its plan said.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeAdapter } from "./adapter.mjs";
import { timeWhole } from "./experiment/whole.mjs";
import { observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const script = fileURLToPath(new URL("experiment/runEvaluation.mjs", import.meta.url));
const main = join(root, "dist/cli/main.js");

const HELP = `usage: npm run bench -- experiment [options]
  --model FOLDER     the aligned model (default demo/model)
  --adapter FOLDER   its tuning (default: the demo's; for another model one of rank 16 with made-up values)
  --rows FILE        questions (default demo/unsafe.jsonl)
  --questions LIST   how many are asked (default 1,4,16)
  --lambdas N        (default 9)
  --tokens N         new tokens at most (default 24)
  --threads N        (default 2)
  --precision NAME   of activations: float32 or bfloat16 (default float32)
  --runs N           the shortest counts (default 3)
  --whole SIZE       an experiment from its plan to its report instead, on a model of this shape (tiny, 140m, 1b, 8b; a merge of it is written for a
                     while) with an adapter of rank 16; --questions (default 20) choose among --lambdas (default 5), with
    --confirming N     others that confirm (default as many)
    --weights LIST     that choose: stored, q8_0, q4_k_m, … (default stored)
  --no-keep          do not write test/bench/results`;

/** @param {string[]} args */
export async function experiment(args) {
  const text = (value) => ({ type: "string", ...(value !== undefined && { default: value }) });
  const { values } = parseArgs({
    args,
    options: {
      model: text(join(root, "demo/model")),
      adapter: text(),
      rows: text(join(root, "demo/unsafe.jsonl")),
      questions: text(),
      lambdas: text(),
      tokens: text("24"),
      threads: text("2"),
      precision: text("float32"),
      runs: text("3"),
      whole: text(),
      confirming: text(),
      weights: text("stored"),
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const folder = mkdtempSync(join(tmpdir(), "retemper-bench-experiment-"));
  try {
    if (values.whole !== undefined) {
      const { whole: size, questions = "20", lambdas = "5", tokens, threads, precision } = values;
      const numbers = Object.fromEntries(
        Object.entries({ questions, lambdas, tokens, threads, confirming: values.confirming ?? questions }).map(
          ([key, one]) => [key, Number(one)],
        ),
      );
      const shown = await timeWhole({ size, precision, weights: values.weights.split(","), ...numbers }, folder);
      console.log(shown);
      if (!values["no-keep"]) keepResult("a whole experiment", `npm run bench -- experiment ${args.join(" ")}`, shown);
      return;
    }
    const { questions = "1,4,16", lambdas: asked = "9" } = values;
    const model = resolve(values.model);
    const recipe = {
      merge_method: "linear",
      dtype: "bfloat16",
      models: [{ model }, { model: adapted(values, folder) }],
    };
    const count = Number(asked);
    const lambdas = Array.from({ length: count }, (_, at) => Number(((at + 1) / (count + 1)).toFixed(6)));
    const written = await writeAll(recipe, lambdas, folder);
    const common = {
      suite: [`safety:${resolve(values.rows)}`],
      maxNewTokens: Number(values.tokens),
      threads: Number(values.threads),
      precision: values.precision,
    };
    const rows = [];
    for (const limit of questions.split(",").map(Number)) {
      const settings = { ...common, limit };
      const best = await compare({ settings, recipe, lambdas, written, folder, runs: Number(values.runs) });
      rows.push(rowOf(limit, best));
      console.error(rows.at(-1).join("  "));
    }
    const shown = [
      table(
        [
          "questions",
          `${count} lambdas at once, s`,
          `${count} checkpoints, s`,
          "share",
          "of answering",
          `${count} times one lambda, s`,
          "share",
          "CPU s",
          "CPU s",
          "CPU s",
          "tokens",
        ],
        rows,
      ),
      "",
      `${basename(model)}, ${values.precision}, ${values.threads} threads, at most ${values.tokens} new tokens; opening the model is counted but`,
      `under "of answering", the start of a process never. The checkpoints took ${written.seconds.toFixed(1)} s to merge (not counted) and ${written.megabytes.toFixed(0)} MB. At once, no checkpoint was written: none`,
      "was found in the folders of these processes.",
    ].join("\n");
    console.log(shown);
    if (!values["no-keep"]) keepResult("experiment", `npm run bench -- experiment ${args.join(" ")}`.trim(), shown);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function adapted({ model, adapter }, folder) {
  const own = join(root, "demo/model");
  if (adapter === undefined && resolve(model) === own) return `${own}+${join(root, "demo/adapters/seed-42")}`;
  if (adapter !== undefined) return `${resolve(model)}+${resolve(adapter)}`;
  const made = join(folder, "adapter");
  mkdirSync(made);
  writeAdapter(resolve(model), made, 16, "float32");
  return `${resolve(model)}+${made}`;
}

/** The checkpoints, by lambda. */
async function writeAll(recipe, lambdas, folder) {
  const file = join(folder, "recipe.json");
  writeFileSync(file, JSON.stringify(recipe));
  const folders = [];
  let seconds = 0;
  for (const lambda of lambdas) {
    const out = join(folder, `merged-${lambda}`);
    const taken = await observe(process.execPath, [main, "merge", file, out, "--lambda", String(lambda), "--quiet"]);
    seconds += taken.seconds;
    folders.push(out);
  }
  const bytes = folders.flatMap(checkpointsIn).reduce((sum, path) => sum + statSync(path).size, 0);
  return { folders, seconds, megabytes: bytes / 1e6 };
}

/** The shortest of some runs of each way, the ways in turn. */
async function compare({ settings, recipe, lambdas, written, folder, runs }) {
  const best = {};
  for (let run = 0; run < runs; run++) {
    const work = join(folder, "work");
    const taken = {
      together: await sum(
        [{ ...settings, way: "together", source: recipe, lambdas, out: join(work, "results") }],
        work,
      ),
      written: await sum(written.folders.map((source) => ({ ...settings, way: "written", source }))),
      one: await sum(lambdas.map((lambda) => ({ ...settings, way: "one", source: recipe, lambdas: [lambda] }))),
    };
    const left = checkpointsIn(work);
    if (left.length > 0) throw new Error(`a checkpoint was written: ${left.join(", ")}`);
    rmSync(work, { recursive: true, force: true });
    for (const [way, one] of Object.entries(taken)) {
      if (best[way] === undefined || one.seconds < best[way].seconds) best[way] = one;
    }
  }
  return best;
}

/** Of processes one after the other. @param work where they run, and where anything temporary goes */
async function sum(all, work) {
  if (work !== undefined) mkdirSync(work, { recursive: true });
  const place = work === undefined ? {} : { cwd: work, env: { TMPDIR: work } };
  const total = { seconds: 0, opening: 0, cpu: 0, tokens: 0 };
  for (const settings of all) {
    const { stdout } = await observe(process.execPath, [script, JSON.stringify(settings)], place);
    const { seconds, opening, cpu, tokens } = JSON.parse(stdout.trim().split("\n").at(-1));
    total.seconds += seconds;
    total.opening += opening;
    total.cpu += cpu;
    total.tokens += tokens;
  }
  return total;
}

function checkpointsIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.(safetensors|gguf|bin)$/.test(name))
    .map((name) => join(folder, name));
}

function rowOf(questions, { together, written, one }) {
  const share = (other) => (together.seconds / other.seconds).toFixed(2);
  return [
    questions,
    together.seconds.toFixed(2),
    written.seconds.toFixed(2),
    share(written),
    ((together.seconds - together.opening) / (written.seconds - written.opening)).toFixed(2),
    one.seconds.toFixed(2),
    share(one),
    ...[together, written, one].map(({ cpu }) => cpu.toFixed(1)),
    `${together.tokens} / ${written.tokens} / ${one.tokens}`,
  ];
}
