// The commands that write, each on something tiny: how it is started, what its output is, and what may be left.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeLargeModels } from "../../scripts/makeLargeModel.mjs";
import { root } from "./interrupt.mjs";

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {(place: string) => string[]} args the command; `place` is a folder that is its own
 * @property {(place: string) => string[]} [old] a command that is run first, without interruption: what is to be replaced
 * @property {(place: string, whole: boolean) => string[]} again how a user goes on; `whole`: the output is complete
 * @property {readonly string[]} outputs names in the place: each is whole or absent, at every moment
 * @property {boolean} [atomic] a run that fails leaves nothing but what was there; others leave what the next one goes on with
 * @property {(path: string, text: string) => string} [normal] takes out of a file's text what differs from run to run
 */

/**
 * Writes inputs into `folder`, which no command changes.
 * @param {string} folder
 * @returns {Scenario[]}
 */
export function scenarios(folder) {
  mkdirSync(folder, { recursive: true });
  const [demo, llama] = [join(folder, "demo"), join(folder, "llama")];
  cpSync(join(root, "demo"), demo, { recursive: true });
  cpSync(join(root, "test/golden/models/llama"), llama, { recursive: true });
  const shape = { layers: 1, hidden: 16, intermediate: 16, kv: 16, vocab: 32, seed: 1 };
  const [base = "", tuned = ""] = makeLargeModels(join(folder, "models"), shape, 1);
  const file = (/** @type {string} */ name, /** @type {string} */ text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const linear = (/** @type {number} */ weight) => ({
    merge_method: "linear",
    models: [
      { model: base, parameters: { weight: 1 - weight } },
      { model: tuned, parameters: { weight } },
    ],
  });
  const [one, two] = [0.3, 0.7].map((weight) => file(`linear-${weight}.json`, JSON.stringify(linear(weight))));
  const plain = file(
    "plain.json",
    JSON.stringify({ merge_method: "linear", models: [{ model: base }, { model: tuned }] }),
  );
  const manifest = file(
    "manifest.json",
    JSON.stringify([
      { out: "a", recipe: linear(0.2) },
      {
        out: "b",
        recipe: [
          { name: "half", ...linear(0.5) },
          { merge_method: "linear", models: [{ model: "half", parameters: { weight: 1 } }] },
        ],
      },
    ]),
  );
  const ids = (/** @type {number} */ length, /** @type {number} */ i) =>
    Array.from({ length }, (_, j) => (i * 31 + j * 17) % 400);
  const rows = file(
    "rows.jsonl",
    Array.from({ length: 4 }, (_, i) => `${JSON.stringify({ input_ids: ids(8 + i, i), prompt_length: 3 })}\n`).join(""),
  );
  const prompts = file(
    "prompts.jsonl",
    Array.from(
      { length: 6 },
      (_, i) => `${JSON.stringify({ prompt: "The chest ".repeat(6 - i), id: `p${i}` })}\n`,
    ).join(""),
  );
  const questions = file(
    "questions.jsonl",
    readFileSync(join(demo, "task_valid.jsonl"), "utf8").split("\n").slice(0, 4).join("\n"),
  );
  const source = file(
    "magicoder.jsonl",
    ["python", "rust"]
      .flatMap((lang) =>
        Array.from({ length: 8 }, (_, i) => ({ lang, problem: `Add ${i} in ${lang}`, solution: `x + ${i}` })),
      )
      .map((row) => JSON.stringify(row))
      .join("\n"),
  );
  const experiment = file(
    "experiment.yml",
    `aligned: ${demo}/model
tuned: [{ adapter: ${demo}/adapters/seed-42, seed: 42 }]
methods: [{ method: linear, lambda: [0.3, 0.6] }]
lambda: 0.5
safety: { sets: ["safety:${demo}/unsafe.jsonl"], judges: [{ keyword: ["can't help"] }] }
task: { validation: ["exact:${demo}/task_valid.jsonl"], test: ["exact:${demo}/task_test.jsonl"] }
limit: 3
decoding: { maxNewTokens: 8 }
select: { rule: score }
`,
  );

  const tune = (/** @type {string} */ place) => [
    ...["tune", llama, rows, join(place, "out"), "--rank", "2", "--batch", "2", "--epochs", "2", "--save-steps", "2"],
    ...["--validation", "0", "--engine", "native", "--threads", "1", "--quiet"],
  ];
  const data = (/** @type {string} */ place, /** @type {string} */ seed) => [
    ...["data", "magicoder", join(place, "out"), "--source", source, "--rows", "6", "--validation", "2"],
    ...["--seed", seed, "--quiet"],
  ];
  const generate = (/** @type {string} */ place, /** @type {string} */ tokens) => [
    ...[
      "generate",
      join(demo, "model"),
      "--prompts",
      prompts,
      "--max-new-tokens",
      tokens,
      "--ignore-eos",
      "--engine",
      "native",
    ],
    ...["--batch", "2", "--threads", "1", "--out", join(place, "out.jsonl"), "--quiet"],
  ];
  const evaluate = (/** @type {string} */ place) => [
    ...["evaluate", join(demo, "model"), "--suite", `exact:${questions}`, "--engine", "native", "--threads", "1"],
    ...["--max-new-tokens", "8", "--out", join(place, "out"), "--quiet"],
  ];
  const merge = (
    /** @type {string | undefined} */ recipe,
    /** @type {string} */ place,
    /** @type {string[]} */ ...more
  ) => [...["merge", recipe ?? "", join(place, "out"), "--threads", "1", "--quiet", ...more]];
  const sweep = (/** @type {string} */ place, /** @type {string[]} */ ...more) => [
    ...["sweep", plain, join(place, "out"), "--lambda", "0.2,0.6", "--threads", "1", "--quiet", ...more],
  ];
  const batch = (/** @type {string} */ place) => [
    ...["batch", manifest, "--out", join(place, "out"), "--jobs", "1", "--threads", "1", "--quiet"],
  ];

  return [
    {
      name: "merge",
      atomic: true,
      args: (place) => merge(two, place),
      again: (place, whole) => merge(two, place, ...(whole ? ["--force"] : [])),
      outputs: ["out"],
    },
    {
      name: "replace",
      atomic: true,
      old: (place) => merge(one, place),
      args: (place) => merge(two, place, "--force"),
      again: (place) => merge(two, place, "--force"),
      outputs: ["out"],
    },
    {
      name: "sweep",
      args: (place) => sweep(place),
      again: (place) => sweep(place, "--force"),
      outputs: ["out/lambda-0.2", "out/lambda-0.6"],
    },
    {
      name: "batch",
      args: batch,
      again: batch,
      outputs: ["out/a", "out/b"],
    },
    {
      name: "tune",
      args: tune,
      again: (place, whole) => [...tune(place), whole ? "--force" : "--resume"],
      outputs: ["out/adapter_config.json", "out/adapter_model.safetensors", "out/checkpoint-4"],
    },
    {
      name: "retune",
      old: (place) => [...tune(place), "--seed", "3"],
      args: (place) => [...tune(place), "--force"],
      again: (place) => [...tune(place), "--force"],
      outputs: ["out"],
    },
    {
      name: "data",
      atomic: true,
      args: (place) => data(place, "3"),
      again: (place) => [...data(place, "3"), "--force"],
      outputs: ["out"],
    },
    {
      name: "redata",
      atomic: true,
      old: (place) => data(place, "4"),
      args: (place) => [...data(place, "3"), "--force"],
      again: (place) => [...data(place, "3"), "--force"],
      outputs: ["out"],
    },
    { name: "generate", args: (place) => generate(place, "3"), again: (place) => generate(place, "3"), outputs: [] },
    { name: "evaluate", args: evaluate, again: evaluate, outputs: ["out/results.json"] },
    {
      name: "run",
      args: (place) => ["run", experiment, "--out", join(place, "out")],
      again: (place) => ["run", experiment, "--out", join(place, "out")],
      outputs: ["out/results.json", "out/models/linear-0.3-seed-42"],
      // What the report says of costs, and what a fingerprint has of the written model's time. A model is whole without the
      // numbers that its card gets in the end; that card and record change together, killDemo.mjs sees by verifying.
      normal: (path, text) => {
        if (/report\.(html|md)$|models\/[^/]+\/README\.md$/.test(path)) return "";
        if (/models\/[^/]+\/retemper\.json$/.test(path)) return text.replace(/\{\s*"path": "README.md"[^}]*\}/, "");
        return text;
      },
    },
  ];
}
