// `npm run bench -- tune`: LoRA training of one model from the same first adapter on the same batches, PEFT's and ours in turn,
// each in a process of its own: tokens a second of whole steps, losses, and peak memory. `--targets` holds both to an instruction set.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadAddon } from "../../dist/addon/load.js";
import { openCheckpoint } from "../../dist/checkpoint/open.js";
import { decoderSpec } from "../../dist/nn/families/decoderSpec.js";
import { stopTokensOf } from "../../dist/nn/families/stopTokens.js";
import { encodeRows } from "../../dist/tune/data/encodeRows.js";
import { checkTarget, environmentOf, hasTarget, processor } from "./generate/targets.mjs";
import { observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const COMMAND = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const PEFT = "PEFT, torch CPU";
const PEER = new URL("tune/peft_tune.py", import.meta.url).pathname;
const USAGE =
  "usage: npm run bench -- tune --model DIR --python PYTHON [--steps 12] [--batch 4] [--length 128] [--threads 1] [--dtype float32|bfloat16]\n" +
  "  [--data FILE]    rows of questions and answers, in their order, instead of drawn ids of --length\n" +
  "  [--targets LIST] instruction sets that all are held to: avx2, avx512, avx512_bf16, amx, or best (default best)\n" +
  "  --threads and --dtype may be lists, too; --no-keep: do not write test/bench/results";

export async function tune(args) {
  const { values } = parseArgs({
    args,
    options: {
      ...{ model: { type: "string" }, python: { type: "string" }, help: { type: "boolean" } },
      ...{ steps: { type: "string", default: "12" }, batch: { type: "string", default: "4" } },
      ...{ length: { type: "string", default: "128" }, threads: { type: "string", default: "1" } },
      ...{ dtype: { type: "string", default: "float32" }, data: { type: "string" } },
      ...{ targets: { type: "string", default: "best" }, "no-keep": { type: "boolean", default: false } },
    },
  });
  if (values.help || !values.model) {
    (values.help ? console.log : console.error)(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const targets = values.targets.split(",");
  for (const target of targets) checkTarget(target);
  const folder = mkdtempSync(join(tmpdir(), "retemper-bench-tune-"));
  try {
    const rows = join(folder, "rows.jsonl");
    const count = Number(values.steps) * Number(values.batch);
    if (values.data) await writeEncodedRows(rows, values.model, values.data, count);
    else drawRows(rows, values.model, count, Number(values.length));
    const sections = [`On ${processor()}.`];
    for (const target of targets) {
      if (!hasTarget(target)) {
        sections.push(`**Held to ${target}**: not measured, this processor lacks it.`);
        continue;
      }
      for (const dtype of values.dtype.split(",")) {
        for (const threads of values.threads.split(",")) {
          const held = target === "best" ? "" : `held to ${target}, `;
          const title = `${held}${dtype}, ${threads} thread${threads === "1" ? "" : "s"}`;
          console.error(`${title} …`);
          const runs = await runsOf({ ...values, target, dtype, threads }, rows, folder);
          sections.push(`**${title}**\n\n${tableOf(runs)}`);
          console.error(sections.at(-1));
        }
      }
    }
    const { model, batch, length, data } = values;
    const what = data ? `rows of ${data.split("/").at(-1)}` : `${length} tokens`;
    if (values["no-keep"]) return;
    keepResult(
      `Tuning: ${model.split("/").at(-1)}, rank 8 on all linear layers, batch ${batch} x ${what}`,
      `npm run bench -- tune ${args.join(" ")}`,
      `${sections.join("\n\n")}\n\nMedian of the steps after the second; one first adapter, the same batches.`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** PEFT's, where its Python is given, and ours, from one first adapter. */
async function runsOf(values, rows, folder) {
  const place = mkdtempSync(join(folder, "runs-"));
  const first = values.python ? join(place, "first") : undefined;
  const runs = first ? [await peft(values, rows, join(place, "peft.json"), first)] : [];
  for (const keeps of [true, false]) runs.push(await ours(values, rows, join(place, `ours-${keeps}`), keeps, first));
  return runs;
}

/** @param runs with what the others' rates are divided by first, where there is such a one */
function tableOf(runs) {
  const [peer] = runs;
  return table(
    ["", "tokens/s", "beside PEFT", "s a step", "CPU s in all", "first loss", "last 10", "anonymous MB", "resident MB"],
    runs.map(({ name, rate, step, cpu, losses, anonymousMb, residentMb }) => [
      ...[name, rate.toFixed(0), peer.name === PEFT && name !== PEFT ? `${(rate / peer.rate).toFixed(2)}x` : ""],
      ...[step.toFixed(2), cpu.toFixed(0), losses[0].toFixed(4)],
      ...[mean(losses.slice(-10)).toFixed(4), anonymousMb.toFixed(0), residentMb.toFixed(0)],
    ]),
  );
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

async function ours({ model, batch, threads, dtype, target }, rows, out, keeps, first) {
  const sizes = ["--epochs", "1", "--batch", batch, "--threads", threads, "--validation", "0", "--save-steps", "0"];
  const rest = ["--lr", "5e-4", "--no-shuffle", "--engine", "native", "--precision", dtype, "--quiet"];
  const memory = keeps ? "--keep-activations" : "--no-keep-activations";
  const from = first ? ["--init-from", first] : [];
  const words = ["tune", model, rows, out, ...sizes, ...rest, ...from, memory];
  const seen = await observe(process.execPath, [COMMAND, ...words], { env: environmentOf(target) });
  const steps = readFileSync(join(out, "log.ndjson"), "utf8").trim().split("\n").map(JSON.parse);
  const seconds = steps.map(({ tokens, tokensPerSecond }) => tokens / tokensPerSecond);
  const name = keeps ? "retemper" : "retemper, layers computed twice";
  const tokens = steps.map((step) => step.tokens);
  return { name, ...facts(seconds, tokens), losses: steps.map(({ loss }) => loss), ...seen };
}

async function peft({ model, batch, threads, python, dtype, target }, rows, out, first) {
  const seen = await observe(python, [PEER, model, rows, out, batch, threads, dtype, first], {
    env: { OMP_NUM_THREADS: threads, ...environmentOf(target) },
  });
  const { seconds, losses, tokens } = JSON.parse(readFileSync(out, "utf8"));
  return { name: PEFT, ...facts(seconds, tokens), losses, ...seen };
}

/** Tokens: of each step, padding not counted. */
function facts(seconds, tokens) {
  const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const late = seconds.slice(2);
  return { step: middle(late), rate: middle(late.map((each, i) => tokens[i + 2] / each)) };
}
