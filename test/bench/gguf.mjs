// `npm run bench -- gguf`: conversions and merges to GGUF beside llama.cpp's own quantiser, which begins with a GGUF file of
// 16 bits that is there already; nine merges in one pass; and merges of q8_0 files beside those of the same models in bfloat16.

import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchFolder, benchModels, warm } from "./models.mjs";
import { peers, python } from "./peers.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const LLAMA = new URL("../differential/gguf/llama.py", import.meta.url).pathname;
const TOKENIZER = new URL("../../demo/model/tokenizer.json", import.meta.url).pathname;
const FILE_TYPES = { q8_0: 7, q4_0: 2, q4_k_m: 15, q5_k_m: 17, q6_k: 18 };
const HELP = `usage: npm run bench -- gguf [options]
  --size tiny|140m|1b|8b  shape of the models (default 1b)
  --types LIST       comma-separated (default: q8_0,q4_k_m)
  --runs N           counted runs of each, the median is shown (default 3)
  --no-peers         ours only
  --no-inputs        without the merges of q8_0 files, and without nine at once
  --no-keep          do not write test/bench/results`;

/** @param {string[]} args */
export async function gguf(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      types: { type: "string", default: "q8_0,q4_k_m" },
      runs: { type: "string", default: "3" },
      "no-peers": { type: "boolean", default: false },
      "no-inputs": { type: "boolean", default: false },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const models = benchModels(values.size).slice(0, 2);
  for (const model of models) {
    copyFileSync(TOKENIZER, join(model, "tokenizer.json"));
    const config = join(model, "config.json");
    writeFileSync(
      config,
      JSON.stringify({ max_position_embeddings: 2048, ...JSON.parse(readFileSync(config, "utf8")) }),
    );
  }
  const scratch = join(benchFolder(), `run-${process.pid}`);
  mkdirSync(scratch);
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const peer = values["no-peers"] ? undefined : findLlama();
  if (!peer) console.error("llama.cpp is not installed (npm run setup:peers): its column stays empty");
  warm(models);
  const [base] = models;
  const half = join(scratch, "half");
  if (peer) await observe(process.execPath, [MAIN, "convert", base, half, "--format", "gguf", "--quantise", "bf16"]);
  const recipe = join(scratch, "linear.yml");
  writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models: models.map((model) => ({ model })) }));

  const rows = [];
  for (const type of values.types.split(",")) {
    const convert = [];
    const merge = [];
    const theirs = [];
    for (let run = 0; run < Number(values.runs); run++) {
      const flags = ["--format", "gguf", "--quantise", type, "--force", "--quiet"];
      convert.push(await observe(process.execPath, [MAIN, "convert", base, join(scratch, "out"), ...flags]));
      const lambda = ["--lambda", "0.4", ...flags];
      merge.push(await observe(process.execPath, [MAIN, "merge", recipe, join(scratch, "out"), ...lambda]));
      if (peer) theirs.push(await quantised(peer, join(half, "model-BF16.gguf"), type, scratch));
    }
    rows.push([
      type,
      ...[convert, theirs].flatMap((list) => [of(list, "seconds"), of(list, "cpu")]),
      theirs.length > 0 ? (of(theirs, "seconds") / of(convert, "seconds")).toFixed(1) : "",
      theirs.length > 0 ? (of(theirs, "cpu") / of(convert, "cpu")).toFixed(1) : "",
      ...[of(merge, "seconds"), of(merge, "cpu"), of(convert, "anonymousMb", 0), of(merge, "anonymousMb", 0)],
    ]);
    console.error(`  ${rows.at(-1).join("  ")}`);
  }
  const head = ["type", "convert s", "CPU s", "llama.cpp s", "CPU s", "x faster", "by CPU", "merge of two s", "CPU s"];
  const tables = [table([...head, "convert, anonymous MB", "merge, anonymous MB"], rows)];
  if (!values["no-inputs"]) {
    tables.push(await inputs(models, scratch, Number(values.runs)));
    tables.push(await nine(recipe, values.types.split(",").at(-1), scratch));
  }
  const text = tables.join("\n\n");
  console.log(text);
  const title = `GGUF, ${values.size}-shaped bf16, warm, median of ${values.runs}`;
  if (!values["no-keep"]) keepResult(title, `npm run bench -- gguf ${args.join(" ")}`.trim(), text);
}

/** The median of a number of the runs; memory at most. "" where there were none. */
function of(runs, what, digits = 2) {
  if (runs.length === 0) return "";
  const all = runs.map((run) => run[what]);
  return (what === "anonymousMb" ? Math.max(...all) : median(all)).toFixed(digits);
}

/** A linear merge in bfloat16 of q8_0 files, beside that of the models that they were made of, in turns. */
async function inputs(models, scratch, count) {
  const recipes = { bf16: [], q8_0: [] };
  for (const [at, model] of models.entries()) {
    const out = join(scratch, `q8_0-${at}`);
    const flags = ["--format", "gguf", "--quantise", "q8_0", "--quiet"];
    await observe(process.execPath, [MAIN, "convert", model, out, ...flags]);
    const file = join(out, "model-Q8_0.gguf");
    recipes.q8_0.push(file);
    recipes.bf16.push(await withVocabulary(model, file, join(scratch, `bf16-${at}`)));
  }
  const runs = { bf16: [], q8_0: [] };
  for (const [name, list] of Object.entries(recipes)) {
    const text = { merge_method: "linear", models: list.map((model) => ({ model })), dtype: "bfloat16" };
    writeFileSync(join(scratch, `${name}.yml`), JSON.stringify(text));
  }
  for (let run = 0; run < count; run++) {
    for (const name of Object.keys(runs)) {
      const flags = ["--lambda", "0.4", "--force", "--quiet"];
      runs[name].push(
        await observe(process.execPath, [
          MAIN,
          "merge",
          join(scratch, `${name}.yml`),
          join(scratch, "merged"),
          ...flags,
        ]),
      );
    }
  }
  const times = (what) => (of(runs.q8_0, what) / of(runs.bf16, what)).toFixed(2);
  return table(
    ["inputs of a linear merge to bf16", "seconds", "x bf16", "CPU s", "x bf16", "anonymous MB"],
    Object.entries(runs).map(([name, list]) => {
      const apart = (what) => (name === "bf16" ? "" : times(what));
      const memory = of(list, "anonymousMb", 0);
      return [name, of(list, "seconds"), apart("seconds"), of(list, "cpu"), apart("cpu"), memory];
    }),
  );
}

/** The same weights in a folder with the vocabulary of the file, which has a token for each row of the embedding. */
async function withVocabulary(model, file, folder) {
  const text = join(folder, "as-merged.yml");
  mkdirSync(folder);
  writeFileSync(text, JSON.stringify({ merge_method: "passthrough", models: [{ model: file }], dtype: "bfloat16" }));
  const out = join(folder, "as-merged");
  await observe(process.execPath, [MAIN, "merge", text, out, "--quiet"]);
  for (const name of readdirSync(out).filter((one) => one.startsWith("tokenizer"))) {
    copyFileSync(join(out, name), join(folder, name));
  }
  rmSync(out, { recursive: true });
  rmSync(text);
  for (const name of readdirSync(model).filter((one) => !one.startsWith("tokenizer"))) {
    linkSync(join(model, name), join(folder, name));
  }
  return folder;
}

/** Nine lambdas, one pass over the inputs. */
async function nine(recipe, type, scratch) {
  const flags = ["--lambda", "0.1:0.9:0.1", "--format", "gguf", "--quantise", type, "--quiet"];
  const run = await observe(process.execPath, [MAIN, "sweep", recipe, join(scratch, "nine"), ...flags]);
  return table(
    [`nine merges to ${type} in one pass: seconds`, "CPU s", "anonymous MB"],
    [[of([run], "seconds"), of([run], "cpu"), of([run], "anonymousMb", 0)]],
  );
}

/** The quantiser's own time, without the start of its process. */
async function quantised({ python, libraries }, from, type, scratch) {
  const requests = join(scratch, "request.jsonl");
  const to = join(scratch, "theirs.gguf");
  const threads = availableParallelism();
  writeFileSync(requests, `${JSON.stringify({ quantise: from, to, type: FILE_TYPES[type], threads })}\n`);
  const { stdout } = await observe(python, [LLAMA, libraries, requests]);
  return JSON.parse(stdout);
}

function findLlama() {
  const name = `linux-${process.arch}`;
  const libraries = process.env.RETEMPER_LLAMA ?? join(peers, "llama/node_modules/@node-llama-cpp", name, "bins", name);
  return existsSync(python) && existsSync(libraries) ? { python, libraries } : undefined;
}
