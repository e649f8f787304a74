// `npm run bench -- tune`: LoRA training of one model from the same first adapter on the same batches, PEFT's and ours in turn,
// each in a process of its own: tokens a second of whole steps, losses, and peak memory.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadAddon } from "../../dist/addon/load.js";
import { openCheckpoint } from "../../dist/checkpoint/open.js";
import { decoderSpec } from "../../dist/nn/families/decoderSpec.js";
import { stopTokensOf } from "../../dist/nn/families/stopTokens.js";
import { encodeRows } from "../../dist/tune/data/encodeRows.js";
import { observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const COMMAND = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const PEER = new URL("tune/peft_tune.py", import.meta.url).pathname;
const USAGE =
  "usage: npm run bench -- tune --model DIR --python PYTHON [--steps 12] [--batch 4] [--length 128] [--threads 1] [--dtype float32|bfloat16]\n" +
  "  [--data FILE]   rows of questions and answers, in their order, instead of drawn ids of --length";

export async function tune(args) {
  const { values } = parseArgs({
    args,
    options: {
      ...{ model: { type: "string" }, python: { type: "string" }, help: { type: "boolean" } },
      ...{ steps: { type: "string", default: "12" }, batch: { type: "string", default: "4" } },
      ...{ length: { type: "string", default: "128" }, threads: { type: "string", default: "1" } },
      ...{ dtype: { type: "string", default: "float32" }, data: { type: "string" } },
    },
  });
  if (values.help || !values.model) {
    (values.help ? console.log : console.error)(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "retemper-bench-tune-"));
  try {
    const rows = join(folder, "rows.jsonl");
    const count = Number(values.steps) * Number(values.batch);
    if (values.data) await writeEncodedRows(rows, values.model, values.data, count);
    else drawRows(rows, values.model, count, Number(values.length));
    const runs = [];
    const first = values.python ? join(folder, "first") : undefined;
    if (first) runs.push(await peft(values, rows, join(folder, "peft.json"), first));
    for (const keeps of [true, false]) runs.push(await ours(values, rows, join(folder, `ours-${keeps}`), keeps, first));
    const text = table(
      ["", "tokens/s", "s a step", "CPU s in all", "first loss", "last 10", "peak anonymous MB", "peak resident MB"],
      runs.map(({ name, rate, step, cpu, losses, anonymousMb, residentMb }) => [
        ...[name, rate.toFixed(0), step.toFixed(2), cpu.toFixed(0), losses[0].toFixed(4)],
        ...[mean(losses.slice(-10)).toFixed(4), anonymousMb.toFixed(0), residentMb.toFixed(0)],
      ]),
    );
    const { steps, batch, length, threads, dtype, data } = values;
    const what = data ? `rows of ${data.split("/").at(-1)}` : `${length} tokens`;
    keepResult(
      `Tuning: ${values.model.split("/").at(-1)}, rank 8 on all linear layers, batch ${batch} x ${what}`,
      `npm run bench -- tune --steps ${steps} --batch ${batch} ${data ? "--data FILE" : `--length ${length}`} --threads ${threads} --dtype ${dtype}`,
      `${text}\n\nMedian of the steps after the second; products in ${dtype}, one first adapter, the same batches.`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The first rows of a file as token ids. */
async function writeEncodedRows(path, model, data, count) {
  const checkpoint = await openCheckpoint(model, { addon: loadAddon() });
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const { examples } = await encodeRows(data, model, spec, { cutoff: 1024 });
  if (examples.length < count) throw new Error(`${data} has ${examples.length} rows; these steps take ${count}`);
  const lines = examples
    .slice(0, count)
    .map(({ ids, learned }) => JSON.stringify({ input_ids: ids, prompt_length: learned.indexOf(true) }));
  writeFileSync(path, lines.join("\n"));
}

/** Drawn ids, the second half of each row learned. */
export function drawRows(path, model, count, length) {
  const vocabulary = JSON.parse(readFileSync(join(model, "config.json"), "utf8")).vocab_size;
  let state = 12345;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return 10 + ((state >>> 8) % (Math.min(vocabulary, 4000) - 10));
  };
  const lines = Array.from({ length: count }, () =>
    JSON.stringify({ input_ids: Array.from({ length }, next), prompt_length: length / 2 }),
  );
  writeFileSync(path, lines.join("\n"));
}

async function ours({ model, batch, threads, dtype }, rows, out, keeps, first) {
  const sizes = ["--epochs", "1", "--batch", batch, "--threads", threads, "--validation", "0", "--save-steps", "0"];
  const rest = ["--lr", "5e-4", "--no-shuffle", "--engine", "native", "--precision", dtype, "--quiet"];
  const memory = keeps ? "--keep-activations" : "--no-keep-activations";
  const from = first ? ["--init-from", first] : [];
  const seen = await observe(process.execPath, [COMMAND, "tune", model, rows, out, ...sizes, ...rest, ...from, memory]);
  const steps = readFileSync(join(out, "log.ndjson"), "utf8").trim().split("\n").map(JSON.parse);
  const seconds = steps.map(({ tokens, tokensPerSecond }) => tokens / tokensPerSecond);
  const name = keeps ? "retemper" : "retemper, layers computed twice";
  const tokens = steps.map((step) => step.tokens);
  return { name, ...facts(seconds, tokens), losses: steps.map(({ loss }) => loss), ...seen };
}

async function peft({ model, batch, threads, python, dtype }, rows, out, first) {
  const seen = await observe(python, [PEER, model, rows, out, batch, threads, dtype, first]);
  const { seconds, losses, tokens } = JSON.parse(readFileSync(out, "utf8"));
  return { name: "PEFT, torch CPU", ...facts(seconds, tokens), losses, ...seen };
}

/** Tokens: of each step, padding not counted. */
function facts(seconds, tokens) {
  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const late = seconds.slice(2);
  return { step: middle(late), rate: middle(late.map((each, i) => tokens[i + 2] / each)) };
}
