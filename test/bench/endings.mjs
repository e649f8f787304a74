// `npm run bench -- endings`: multiple choice by log-likelihood, as HellaSwag asks: a context and four endings a question.
// Questions a second of our native engine, where the endings share what is read of the context, and of transformers with
// batching, in two forms: all logits, as lm-evaluation-harness takes them, and only those that are needed. In turn, on the
// same weights and the same questions; the sums of the log-probabilities are compared.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ids } from "./generate/settings.mjs";
import { oneB } from "./generate.mjs";
import { python } from "./peers.mjs";
import { keepResult, table } from "./results.mjs";

const HELP = `usage: npm run bench -- endings [options]
  --size 140m|1b      shape of the model (default 140m, in bfloat16 on the disk and float32 at work)
  --questions N       (default 24)
  --context N         tokens that come before the endings (default 120)
  --ending N          tokens of the longest ending (default 20)
  --threads N         (default 2)
  --batches LIST      rows that transformers takes at once; its best counts (default 4,16)
  --repeats N         of each; the best counts (default 3)
  --no-keep           do not write test/bench/results`;
const here = (name) => fileURLToPath(new URL(`generate/${name}`, import.meta.url));

/** @param {string[]} args */
export async function endings(args) {
  const { values } = parseArgs({
    args,
    options: {
      ...Object.fromEntries(
        ["size", "questions", "context", "ending", "threads", "batches", "repeats"].map((name) => [
          name,
          { type: "string" },
        ]),
      ),
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const number = (name, otherwise) => Number(values[name] ?? otherwise);
  const [context, ending, questions] = [number("context", 120), number("ending", 20), number("questions", 24)];
  const model = oneB(values.size ?? "140m");
  const vocabulary = JSON.parse(readFileSync(join(model, "config.json"), "utf8")).vocab_size;
  const inputs = Array.from({ length: questions }, (_, question) => {
    const before = ids(context - (question % 5), vocabulary, 10 * question + 1);
    return [0, 1, 2, 3].map((at) => ({
      ids: [...before, ...ids(ending - 2 * at, vocabulary, 10 * question + 2 + at)],
      from: before.length,
    }));
  });
  const settings = {
    ...{ model, inputs, threads: number("threads", 2), repeats: number("repeats", 3) },
    batches: (values.batches ?? "4,16").split(",").map(Number),
  };
  const rows = [];
  const run = (name, command, script) => {
    console.error(`${name} …`);
    const env = {
      ...process.env,
      OMP_NUM_THREADS: String(settings.threads),
      HF_HUB_OFFLINE: "1",
      TRANSFORMERS_VERBOSITY: "error",
    };
    const input = JSON.stringify(settings);
    const out = execFileSync(command, [here(script)], {
      input,
      env,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["pipe", "pipe", "ignore"],
    });
    for (const [form, result] of Object.entries(JSON.parse(out.trim().split("\n").at(-1))))
      rows.push({ name: `${name}${form && `, ${form}`}`, ...result });
  };
  run("retemper", process.execPath, "runEndings.mjs");
  if (existsSync(python)) run("transformers", python, "endings_transformers.py");
  const [own, ...others] = rows;
  for (const { name, sums } of others) {
    const worst = Math.max(...sums.map((sum, at) => Math.abs(sum - own.sums[at])));
    if (worst > 0.05) throw new Error(`${name}: a sum of log-probabilities differs by ${worst}`);
  }
  const lines = rows.map(({ name, rate, cpu }) => [
    name,
    rate.toFixed(2),
    (own.rate / rate).toFixed(2),
    cpu.toFixed(2),
  ]);
  const text = `${values.size ?? "140m"} shape, ${questions} questions of ${context} tokens with four endings of up to ${ending}, ${settings.threads} threads\n\n${table(["engine", "questions/s", "retemper is faster by", "processor seconds a question"], lines)}`;
  console.log(text);
  if (!values["no-keep"]) keepResult("endings", `npm run bench -- endings ${args.join(" ")}`.trim(), text);
}
