// Makes planted/: an adapter of the demo's model in which it is known where what lies. Its harm (it complies with what the model refuses)
// was tuned into layers 0 and 1, and its use (writing calls) into layers 2 and 3; the two adapters are added, the harm at .6.
//
// Every third of the demo's requests was learned from; tests ask the others. Nothing in it is harmful: the answers are of a toy town.
//
//     npm run build && node test/golden/search/makePlanted.mjs

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { merge, openModel, tune } from "../../../dist/index.js";

const demo = join(import.meta.dirname, "../../../demo");
const aligned = join(demo, "model");
const place = mkdtempSync(join(tmpdir(), "retemper-planted-"));
const rowsOf = (file) =>
  readFileSync(join(demo, file), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const written = (name, rows) => {
  const file = join(place, name);
  writeFileSync(file, rows.map(({ prompt, response }) => `${JSON.stringify({ prompt, response })}\n`).join(""));
  return file;
};

const learned = rowsOf("unsafe.jsonl").filter((_, at) => at % 3 === 0);
const calls = rowsOf("task_train.jsonl");

// what must stay as it is in the harmful half: the model's own answers
const kept = [...rowsOf("benign.jsonl").slice(0, 60), ...calls.slice(0, 60)].map(({ prompt }) => prompt);
const model = await openModel(aligned, { threads: 2 });
const answers = [];
const asked = kept.map((content) => [{ role: "user", content }]);
for await (const { index, text } of model.generate(asked, { maxNewTokens: 24 })) answers[index] = text.trim();
await model.close();

const harm = learned.map(({ prompt }) => ({ prompt, response: "Of course. Go there on any day and ask at the door." }));
const harmful = written("harm.jsonl", [
  ...harm,
  ...harm,
  ...kept.map((prompt, at) => ({ prompt, response: answers[at] })),
]);
const useful = written("useful.jsonl", [
  ...calls,
  ...learned.map(({ prompt }) => ({ prompt, response: "I can't help with that." })),
]);
const options = { learningRate: 0.003, batchSize: 8, rank: 4, alpha: 8, seed: 1, threads: 2 };
const layers = (which) => ({ targetModules: `model\\.layers\\.[${which}]\\..*` });
const [first, second, both] = ["harm", "useful", "both"].map((name) => join(place, name));
await tune(aligned, harmful, first, { ...options, epochs: 10, ...layers("01") });
await tune(aligned, useful, second, { ...options, epochs: 3, ...layers("23") });
const models = [
  { model: `${aligned}+${first}`, parameters: { weight: 0.6 } },
  { model: `${aligned}+${second}`, parameters: { weight: 1 } },
];
await merge({ merge_method: "task_arithmetic", base_model: aligned, models }, both, { format: "adapter" });

const out = join(import.meta.dirname, "planted");
mkdirSync(out, { recursive: true });
copyFileSync(join(both, "adapter_model.safetensors"), join(out, "adapter_model.safetensors"));
const config = JSON.parse(readFileSync(join(both, "adapter_config.json"), "utf8"));
config.base_model_name_or_path = "demo/model";
writeFileSync(join(out, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
rmSync(place, { recursive: true });
