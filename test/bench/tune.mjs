// `npm run bench -- tune`: LoRA training of one model on the same rows, ours and PEFT's in turn, each in a process of its own:
// tokens a second of whole steps, the loss both reach, and peak memory.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const COMMAND = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const PEER = new URL("tune/peft_tune.py", import.meta.url).pathname;
const USAGE =
  "npm run bench -- tune --model DIR --python PYTHON [--steps 12] [--batch 4] [--length 128] [--threads 1] [--dtype float32|bfloat16]";

export async function tune(args) {
  const { values } = parseArgs({
    args,
    options: {
      ...{ model: { type: "string" }, python: { type: "string" }, help: { type: "boolean" } },
      ...{ steps: { type: "string", default: "12" }, batch: { type: "string", default: "4" } },
      ...{ length: { type: "string", default: "128" }, threads: { type: "string", default: "1" } },
      ...{ dtype: { type: "string", default: "float32" } },
    },
  });
  if (values.help || !values.model) {
    console.error(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "retemper-bench-tune-"));
  try {
    const rows = join(folder, "rows.jsonl");
    const vocabulary = JSON.parse(readFileSync(join(values.model, "config.json"), "utf8")).vocab_size;
    writeRows(rows, Number(values.steps) * Number(values.batch), Number(values.length), vocabulary);
    const runs = [];
    for (const keeps of [true, false]) runs.push(await ours(values, rows, join(folder, `ours-${keeps}`), keeps));
    if (values.python) runs.push(await peft(values, rows, join(folder, "peft.json")));
    const text = table(
      ["", "tokens/s", "s a step", "last loss", "peak anonymous MB", "peak resident MB"],
      runs.map(({ name, rate, step, loss, anonymousMb, residentMb }) => [
        ...[name, rate.toFixed(0), step.toFixed(2), loss.toFixed(4), anonymousMb.toFixed(0), residentMb.toFixed(0)],
      ]),
    );
    const { steps, batch, length, threads } = values;
    keepResult(
      `Tuning: ${values.model.split("/").at(-1)}, rank 8 on all linear layers, batch ${batch} x ${length} tokens`,
      `npm run bench -- tune --steps ${steps} --batch ${batch} --length ${length} --threads ${threads} --dtype ${values.dtype}`,
      `${text}\n\nMedian of the steps after the second; the peer computes in ${values.dtype}.`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Rows that both read alike: drawn ids, the second half of each learned. */
function writeRows(path, count, length, vocabulary) {
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

async function ours({ model, batch, threads }, rows, out, keeps) {
  const memory = keeps ? "--keep-activations" : "--no-keep-activations";
  const sizes = ["--epochs", "1", "--batch", batch, "--threads", threads, "--validation", "0", "--save-steps", "0"];
  const args = [
    "tune",
    model,
    rows,
    out,
    ...sizes,
    "--lr",
    "5e-4",
    "--no-shuffle",
    "--engine",
    "native",
    memory,
    "--quiet",
  ];
  const seen = await observe(process.execPath, [COMMAND, ...args]);
  const steps = readFileSync(join(out, "log.ndjson"), "utf8").trim().split("\n").map(JSON.parse);
  const seconds = steps.map(({ tokens, tokensPerSecond }) => tokens / tokensPerSecond);
  const name = keeps ? "retemper" : "retemper, layers computed twice";
  return { name, ...facts(seconds, steps[0].tokens), loss: steps.at(-1).loss, ...seen };
}

async function peft({ model, batch, threads, python, dtype }, rows, out) {
  const seen = await observe(python, [PEER, model, rows, out, batch, threads, dtype]);
  const { seconds, losses, tokens } = JSON.parse(readFileSync(out, "utf8"));
  return { name: `PEFT, torch CPU, ${dtype}`, ...facts(seconds, tokens), loss: losses.at(-1), ...seen };
}

function facts(seconds, tokens) {
  const sorted = seconds.slice(2).sort((a, b) => a - b);
  const step = sorted[Math.floor(sorted.length / 2)];
  return { step, rate: tokens / step };
}
