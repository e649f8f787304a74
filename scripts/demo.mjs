// `npm run demo`: the whole experiment in miniature (demo/experiment.yml), afresh, to demo/report.html.
//   npm run demo -- --merges     only merges, and how far they are from their inputs:
// merges an aligned model with its LoRA tunings by Linear, SLERP, DARE and Model Stock, and shows how far
// each result is from the aligned model A and from the tuned model F. Uses what is in demo/.
//   npm run demo -- --play       the toy town in a browser: ask about its locks at lambda 0, .4 and 1
//   npm run demo -- --large      the same with synthetic models of the shape of Llama 3.2 1B (about 13 GB of disk)
//   npm run demo -- --out DIR    somewhere else than demo-output/

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, statfsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { table } from "../dist/cli/table.js";
import { distances, merge, run } from "../dist/index.js";
import { LLAMA_1B, makeLargeModels } from "./makeLargeModel.mjs";

const LAMBDAS = [0.2, 0.4, 0.6, 0.8];
const LARGE_BYTES = 13e9;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values: options } = parseArgs({
  options: {
    merges: { type: "boolean", default: false },
    play: { type: "boolean", default: false },
    large: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
if (options.play) process.exit(play());
if (!options.merges && !options.large) {
  await experiment();
  process.exit();
}
const out = resolve(options.out ?? join(root, "demo-output", options.large ? "large" : "small"));
mkdirSync(out, { recursive: true });

const { aligned, tuned, about } = options.large ? largeModels() : smallModels();
console.log(about);

const head = ["method", "lambda", "|M - A|", "|M - F|", "straight SLERP", "seconds", "GB/s"];
const rows = [];
const [[, apart]] = await distances([aligned, tuned[0]]);
rows.push(
  ["(aligned A)", "0", "0", apart.toFixed(4), "", "", ""],
  ["(tuned F)", "1", apart.toFixed(4), "0", "", "", ""],
);

for (const { method, lambda, recipe } of recipes()) {
  const folder = join(out, lambda === undefined ? method : `${method}-${lambda}`);
  if (options.large) console.error(`${method} ${lambda ?? ""} ...`);
  const report = await merge(recipe, folder, { force: true });
  const [[, toAligned, toTuned]] = await distances([folder, aligned, tuned[0]]);
  const { straightShare } = report.tensors;
  rows.push([
    method,
    lambda ?? "",
    toAligned.toFixed(4),
    toTuned.toFixed(4),
    straightShare === undefined ? "" : `${(100 * straightShare).toFixed(0)} %`,
    report.seconds.toFixed(3),
    report.gigabytesPerSecond.toFixed(2),
  ]);
  // Thirteen large outputs would fill the disk: the last one stays, to look at.
  if (options.large && method !== "model_stock") rmSync(folder, { recursive: true });
}
console.log(table(head, rows, [1, 2, 3, 4, 5, 6]));
console.log(
  [
    "|M - A| and |M - F|: Euclidean distance over all tensors of the result to the aligned and to the (first) tuned model.",
    "straight SLERP: share of tensors so close to parallel that the arc is taken as a line.",
    "GB/s: bytes read and written per second of the merge itself.",
    "",
    `The outputs are in ${relative(process.cwd(), out) || "."}/ - have a look:`,
    `  node ${relative(process.cwd(), join(root, "dist/cli/main.js"))} inspect ${relative(process.cwd(), join(out, "model_stock"))}`,
    `  node ${relative(process.cwd(), join(root, "dist/cli/main.js"))} verify ${relative(process.cwd(), join(out, "model_stock"))}`,
  ].join("\n"),
);

/** Until it is stopped: the page of `retemper play`, whose recipe names its models from here. */
function play() {
  const page = ["play", "demo/play.yml", "--lambda", "0,0.4,1", "--prompts", "demo/questions.txt"];
  const { status } = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...page], {
    cwd: root,
    stdio: "inherit",
  });
  return status ?? 1;
}

/** Every number in the report is measured here and now. */
async function experiment() {
  const folder = resolve(options.out ?? join(root, "demo-output", "experiment"));
  rmSync(folder, { recursive: true, force: true });
  const started = performance.now();
  const results = await run(join(root, "demo/experiment.yml"), folder, {
    onStep: (step) => console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${step}`),
  });
  const report = join(root, "demo/report.html");
  copyFileSync(join(folder, "report.html"), report);
  const { aligned, tuned, chosen } = results.test;
  const facts = ({ score, asr }) =>
    `${results.labels.score} ${score.value.toFixed(3)}, ${results.labels.asr} ${asr.value.toFixed(3)}`;
  console.log(`\naligned     ${facts(aligned)}\nfine-tuned  ${facts(tuned)}`);
  for (const one of chosen) console.log(`${one.method} ${one.lambda ?? ""}  ${facts(one)}`);
  console.log(`\n${results.selection.overall.sentence}\n${results.confirmation?.sentence ?? "Nothing is confirmed."}`);
  for (const { candidate, plain, adjusted, kept = 0, passes, reason } of results.selection.verdicts) {
    const bounds = `plain ${plain.bound.toFixed(3)}, adjusted ${adjusted.bound.toFixed(3)}`;
    const name = `${candidate.method} ${candidate.lambda ?? ""}`.padEnd(16);
    console.log(`${name} ${bounds}, keeps ${(100 * kept).toFixed(0)} %: ${passes ? "qualifies" : reason}`);
  }
  console.log(`Report: ${relative(process.cwd(), report)}`);
  checkChoice(results);
}

/** What the demo is there to show; a run that shows something else fails. */
function checkChoice({ selection, confirmation, outputs, parts, shipped, validation }) {
  const { overall, verdicts, rule } = selection;
  const chosen = verdicts.find(({ candidate }) => candidate.method === "linear" && candidate.lambda === 0.4);
  const { split, validation: chose, test: confirms } = parts;
  assert.deepEqual(
    { split, chose, confirms },
    { split: true, chose: { safety: 75, task: 60 }, confirms: { safety: 75, task: 100 } },
  );
  assert.equal(validation.aligned.asr.values[0].length, 75, "half of the 150 requests choose");
  assert.equal(`${overall.candidate?.method} ${overall.candidate?.lambda}`, "linear 0.4");
  assert.ok(chosen.passes && chosen.plain.basis === "paired");
  assert.ok(chosen.plain.bound < chosen.adjusted.bound && chosen.adjusted.bound <= rule.margin);
  assert.ok(chosen.kept >= 0.8, "the choice is of use");
  assert.ok(confirmation.holds && confirmation.bound <= rule.margin, "the other half confirms it");
  for (const { candidate, passes } of verdicts) {
    const asked = candidate.method !== "model_stock" && candidate.lambda === 0.4;
    assert.equal(passes, asked, `${candidate.method} ${candidate.lambda}`);
  }
  const [written, ...others] = outputs;
  assert.equal(others.length, 0, "only what is to be shipped is written");
  assert.ok(written.confirmed && written.path === shipped.path && /^models\/linear-0\.4-seed-\d+$/.test(written.path));
}

function smallModels() {
  const base = join(root, "demo/model");
  const seeds = [42, 1024, 48763];
  return {
    aligned: base,
    tuned: seeds.map((seed) => `${base}+${join(root, `demo/adapters/seed-${seed}`)}`),
    about: `A: demo/model, a Llama of 0.95 M parameters. F: its LoRA tuning of seed ${seeds[0]}; Model Stock takes the seeds ${seeds.join(", ")}.`,
  };
}

function largeModels() {
  const folder = join(out, "models");
  const names = ["base", "tuned-1", "tuned-2", "tuned-3"].map((name) => join(folder, name));
  if (!names.every((name) => existsSync(join(name, "model.safetensors")))) {
    const { bavail, bsize } = statfsSync(out);
    if (bavail * bsize < LARGE_BYTES) {
      console.error(
        `demo: --large needs ${LARGE_BYTES / 1e9} GB in ${out}, ${((bavail * bsize) / 1e9).toFixed(1)} are free`,
      );
      process.exit(1);
    }
    console.log("making four synthetic models of 2.47 GB each ...");
    makeLargeModels(folder, LLAMA_1B, 3);
  }
  const [aligned, ...tuned] = names;
  return {
    aligned,
    tuned,
    about: "A and F: synthetic bf16 models, 1.24e9 parameters each; F = A plus normal changes.",
  };
}

function* recipes() {
  const [first] = tuned;
  const pair = [{ model: aligned }, { model: first }];
  for (const lambda of LAMBDAS) {
    const weights = [1 - lambda, lambda];
    const models = pair.map((entry, i) => ({ ...entry, parameters: { weight: weights[i] } }));
    yield { method: "linear", lambda, recipe: { merge_method: "linear", models } };
  }
  for (const t of LAMBDAS) {
    const recipe = { merge_method: "slerp", base_model: aligned, models: pair, parameters: { t } };
    yield { method: "slerp", lambda: t, recipe };
  }
  for (const weight of LAMBDAS) {
    const models = [{ model: first, parameters: { weight, density: 0.5 } }];
    yield {
      method: "dare_linear",
      lambda: weight,
      recipe: { merge_method: "dare_linear", base_model: aligned, models },
    };
  }
  const models = tuned.map((model) => ({ model }));
  yield { method: "model_stock", recipe: { merge_method: "model_stock", base_model: aligned, models } };
}
