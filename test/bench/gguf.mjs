// `npm run bench -- gguf`: conversions and merges to GGUF beside llama.cpp's own quantiser, which begins with a GGUF file of
// 16 bits that is there already.

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchFolder, benchModels, warm } from "./models.mjs";
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
    const seconds = (list) => (list.length > 0 ? median(list.map((run) => run.seconds)) : undefined);
    rows.push([
      type,
      seconds(convert)?.toFixed(2) ?? "",
      seconds(theirs)?.toFixed(2) ?? "",
      theirs.length > 0 ? (seconds(theirs) / seconds(convert)).toFixed(1) : "",
      seconds(merge)?.toFixed(2) ?? "",
      Math.max(...convert.map((run) => run.anonymousMb)).toFixed(0),
      Math.max(...merge.map((run) => run.anonymousMb)).toFixed(0),
    ]);
    console.error(`  ${rows.at(-1).join("  ")}`);
  }
  const text = table(
    ["type", "convert s", "llama.cpp s", "x faster", "merge of two s", "convert, anonymous MB", "merge, anonymous MB"],
    rows,
  );
  console.log(text);
  const title = `GGUF, ${values.size}-shaped bf16, warm, median of ${values.runs}`;
  if (!values["no-keep"]) keepResult(title, `npm run bench -- gguf ${args.join(" ")}`.trim(), text);
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
  const peers = process.env.RETEMPER_PEERS ?? join(homedir(), ".cache", "retemper-peers");
  const python = process.env.RETEMPER_PYTHON ?? join(peers, "v", "bin", "python");
  const name = `linux-${process.arch}`;
  const libraries = process.env.RETEMPER_LLAMA ?? join(peers, "llama/node_modules/@node-llama-cpp", name, "bins", name);
  return existsSync(python) && existsSync(libraries) ? { python, libraries } : undefined;
}
