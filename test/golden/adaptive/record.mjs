// Makes answers.json: what every model of the demo's experiment answers to every item, for nine seeds of the tuning. Tunes nine
// times (half a minute each on two cores) and asks 250 models and merges 390 items.
//   node test/golden/adaptive/record.mjs [FOLDER FOR THE TUNINGS]

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { mergeSeries, wholeModel } from "../../../dist/experiment/candidates/merges.js";
import { openVirtual } from "../../../dist/experiment/candidates/openVirtual.js";
import { candidateOf } from "../../../dist/experiment/settings/declaredSeries.js";
import { experimentSchema } from "../../../dist/experiment/settings/schema.js";
import { evaluate, evaluateLambdas, keywordJudge, openModel, tune } from "../../../dist/index.js";

/** Those of demo/Study.md. */
const SEEDS = [42, 1024, 48763, 1, 2, 3, 4, 5, 6];
const SETS = { unsafe: "safety", benign: "over-refusal", task_valid: "exact", task_test: "exact" };

const here = dirname(fileURLToPath(import.meta.url));
const demo = join(here, "../../../demo");
const work = process.argv[2] ?? join(tmpdir(), "retemper-adaptive");
const settings = experimentSchema.parse(parse(readFileSync(join(demo, "experiment.yml"), "utf8")));
const aligned = join(demo, settings.aligned);
const [{ keyword: phrases, ignoreCase }] = settings.safety.judges;
const suite = Object.entries(SETS).map(([name, kind]) => `${name}=${kind}:${join(demo, `${name}.jsonl`)}`);
const options = { judges: [keywordJudge({ phrases, ignoreCase })], decoding: settings.decoding };

const tuned = [];
for (const seed of SEEDS) {
  const out = join(work, `seed-${seed}`);
  if (!existsSync(join(out, "adapter_model.safetensors"))) {
    console.error(`tune seed ${seed}`);
    await tune(aligned, join(demo, settings.tune.data), out, { ...settings.tune.options, seed, resume: true });
  }
  tuned.push({ seed: String(seed), model: `${aligned}+${out}` });
}

const rows = [];
function keep(about, { tasks }) {
  const items = Object.keys(SETS).flatMap((name) => {
    const { primary, items } = tasks.find((task) => task.name === name);
    return items.map(({ scores, answers }) => ({ value: scores[primary], tokens: answers[0].tokens }));
  });
  rows.push({
    ...about,
    values: items.map(({ value }) => value).join(""),
    tokens: items.map(({ tokens }) => tokens.toString(36)).join(""),
  });
}

async function ask(model, about) {
  const open = await openModel(model);
  keep(about, await evaluate(open, suite, options));
  await open.close();
}

/** Every lambda of each merge. */
async function askSeries({ merges, lambdas, ...series }, seedsOf) {
  for (const { seed, recipe, maskSeed } of merges) {
    const opened = openVirtual({ recipe, lambdas, maskSeed }, 2e6, {}, false);
    for await (const { model, lambdas: some } of opened) {
      const found = some ? await evaluateLambdas(model, suite, some, options) : [await evaluate(model, suite, options)];
      for (const [at, one] of found.entries()) keep({ ...candidateOf(series, some?.[at]), seeds: seedsOf(seed) }, one);
    }
  }
}

await ask(aligned, { method: "aligned", seeds: [] });
for (const { seed, model } of tuned) await ask(wholeModel(model), { method: "tuned", seeds: [seed] });
for (const series of mergeSeries({ ...settings, aligned }, tuned)) {
  if (series.lambdas) {
    console.error(series.method);
    await askSeries(series, (seed) => [seed]);
    continue;
  }
  console.error(`${series.method} of every three tunings`);
  for (const [a, one] of tuned.entries()) {
    for (const [b, other] of tuned.slice(a + 1).entries()) {
      for (const third of tuned.slice(a + b + 2)) {
        const three = [one, other, third];
        const [all] = mergeSeries({ ...settings, aligned, methods: [series.method] }, three);
        await askSeries(all, () => three.map(({ seed }) => seed));
      }
    }
  }
}

const lines = (name) => readFileSync(join(demo, `${name}.jsonl`), "utf8").trimEnd().split("\n").length;
const counts = Object.fromEntries(Object.keys(SETS).map((name) => [name, lines(name)]));
const head = JSON.stringify({ seeds: SEEDS.map(String), items: counts });
writeFileSync(join(here, "answers.json"), `{"head":${head},"rows":[\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n]}\n`);
