// `npm run bench -- before --dist DIST`: this build beside an earlier one, such as the commit before a large change: merges,
// generation and tuning on a model of 140 million weights, or of another size. The two run in turn, pair by pair, each in processes of its own; a
// cell is slower where the median of the pairs' ratios is, by more than 5 % and by more than the pairs differ.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { oneB } from "./generate.mjs";
import { benchModels, warm } from "./models.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";
import { drawRows } from "./tune.mjs";

const USAGE = `usage: npm run bench -- before --dist DIST [--size 140m] [--pairs 7] [--only TEXT] [--no-keep]
  --dist DIST  the dist/ of the earlier build, with its addon beside it
  --size NAME  tiny, 140m, 1b or 8b, the shape of the models
  --only TEXT  the cells with this in their name
  --note TEXT  what the earlier build is, for the record`;
const OWN = fileURLToPath(new URL("../../dist", import.meta.url));
const METHODS = ["linear", "slerp", "ties", "dare_ties"];
const TOLERANCE = 1.05;

/** @param {string[]} args */
export async function before(args) {
  const { values } = parseArgs({
    args,
    options: {
      dist: { type: "string" },
      size: { type: "string", default: "140m" },
      pairs: { type: "string", default: "7" },
      only: { type: "string", default: "" },
      note: { type: "string", default: "an earlier build" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || !values.dist || !existsSync(join(values.dist, "cli/main.js"))) {
    (values.help ? console.log : console.error)(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const builds = { before: resolve(values.dist), now: OWN };
  const { size } = values;
  const models = benchModels(size);
  warm(models);
  const folder = mkdtempSync(join(tmpdir(), "retemper-bench-before-"));
  try {
    const cells = [...merges(models, folder), ...generation(oneB(size)), ...tuning(oneB(size), folder)];
    const rows = [];
    for (const { name, measure } of cells.filter((cell) => cell.name.includes(values.only)))
      rows.push(await pairs(name, measure, builds, Number(values.pairs)));
    const head = ["cell", "before", "now", "now / before, median", "least", "most", ""];
    const text = table(head, rows);
    console.log(text);
    const title = `This build beside ${values.note}, ${size}-shaped, ${values.pairs} pairs in turn (seconds; below 1: faster now)`;
    const command = `npm run bench -- before --dist DIST --size ${size} --only "${values.only}" --pairs ${values.pairs}`;
    if (!values["no-keep"]) keepResult(title, command, text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One cell: the same work by both builds in turn; which comes first changes from pair to pair. */
async function pairs(name, measure, { before, now }, count) {
  console.error(name);
  const seconds = { before: [], now: [] };
  for (const build of ["before", "now"]) await measure(build === "now" ? now : before); // warms up
  for (let pair = 0; pair < count; pair++) {
    const order = pair % 2 === 0 ? ["before", "now"] : ["now", "before"];
    for (const build of order) seconds[build].push(await measure(build === "now" ? now : before));
  }
  const ratios = seconds.now.map((each, pair) => each / seconds.before[pair]);
  const [least, middle, most] = [Math.min(...ratios), median(ratios), Math.max(...ratios)];
  const slower = middle > TOLERANCE && least > 1;
  const shown = [median(seconds.before), median(seconds.now)].map((each) => each.toFixed(3));
  const bounds = [middle, least, most].map((each) => each.toFixed(3));
  const row = [name, ...shown, ...bounds, slower ? "SLOWER" : ""];
  console.error(`  ${row.slice(1).join("  ")}`);
  return row;
}

function merges([base, first, second, third], folder) {
  return METHODS.map((method) => {
    const parameters = { weight: 0.5, ...(/ties|dare/.test(method) && { density: 0.5 }) };
    const others = method === "slerp" ? [base, first] : [first, second, third];
    const recipe = {
      merge_method: method,
      ...(method !== "linear" && { base_model: base }),
      models: others.map((model) => (method === "slerp" ? { model } : { model, parameters })),
      ...(method === "slerp" && { parameters: { t: 0.4 } }),
      dtype: "bfloat16",
    };
    const path = join(folder, `${method}.json`);
    writeFileSync(path, JSON.stringify(recipe));
    const out = join(folder, "merged");
    const measure = async (dist) => {
      rmSync(out, { recursive: true, force: true });
      return (await observe(process.execPath, [join(dist, "cli/main.js"), "merge", path, out, "--quiet"])).seconds;
    };
    return { name: `merge, ${method}`, measure };
  });
}

/** Seconds of 256 tokens of a prompt, and of 32 steps of decoding. */
function generation(model) {
  const script = fileURLToPath(new URL("generate/runRetemper.mjs", import.meta.url));
  const cells = [];
  for (const precision of ["float32", "bfloat16"]) {
    for (const batch of [undefined, 1, 8]) {
      const decode = 32;
      const batches = batch === undefined ? [] : [batch];
      const prefill = batch === undefined ? 256 : 16;
      const settings = {
        model,
        threads: 2,
        precision,
        vocabulary: JSON.parse(readFileSync(join(model, "config.json"), "utf8")).vocab_size,
        batches,
        prefill,
        decode,
        prompt: 16,
        repeats: 1,
      };
      const measure = async (dist) => {
        const { stdout } = await observe(process.execPath, [script, JSON.stringify({ ...settings, dist })]);
        const result = JSON.parse(stdout.trim().split("\n").at(-1));
        return batch === undefined ? 256 / result.prefill : (batch * decode) / result.decode[batch];
      };
      const what = batch === undefined ? "prefill of 256" : `32 steps of ${batch}`;
      cells.push({ name: `generate, ${precision}, ${what}`, measure });
    }
  }
  return cells;
}

function tuning(model, folder) {
  const rows = join(folder, "rows.jsonl");
  drawRows(rows, model, 16, 64);
  const sizes = ["--epochs", "1", "--batch", "4", "--threads", "2", "--validation", "0", "--save-steps", "0"];
  const rest = ["--no-shuffle", "--engine", "native", "--quiet"];
  return ["float32", "bfloat16"].map((precision) => ({
    name: `tune, ${precision}, 4 steps`,
    measure: async (dist) => {
      const out = join(folder, "adapter");
      rmSync(out, { recursive: true, force: true });
      const words = ["tune", model, rows, out, ...sizes, ...rest, "--precision", precision];
      return (await observe(process.execPath, [join(dist, "cli/main.js"), ...words])).seconds;
    },
  }));
}
