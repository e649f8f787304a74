// `npm run bench -- experiment --whole`: an experiment from its first question to its report, beside what its plan said: made-up
// prompts, half of them requests that a keyword judge reads and half a task, on a model of a benchmark's shape with an adapter of rank 16.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeAdapter } from "../adapter.mjs";
import { withVocabulary } from "../generate.mjs";
import { benchFolder, benchModels } from "../models.mjs";
import { observe } from "../process.mjs";
import { table } from "../results.mjs";

const script = fileURLToPath(new URL("runWhole.mjs", import.meta.url));

/**
 * @param {{ size: string, weights: string[], questions: number, confirming: number, lambdas: number, tokens: number, threads: number, precision: string }} settings
 *   `questions` choose, `confirming` others confirm; `weights` of the engine that chooses, `stored` for as the files have them
 * @param {string} folder that exists; the runs' outputs come and go in it
 * @returns {Promise<string>} tables
 */
export async function timeWhole({ weights, ...settings }, folder) {
  const adapter = join(folder, "adapter");
  const aligned = modelOf(settings.size);
  mkdirSync(adapter);
  writeAdapter(aligned, adapter, 16, "float32");
  const sections = [];
  for (const form of weights) {
    const experiment = experimentOf({ ...settings, aligned, adapter, form }, folder);
    const out = join(folder, "results");
    const told = await observe(process.execPath, [script, JSON.stringify({ experiment, out })]);
    rmSync(out, { recursive: true });
    sections.push(section(form, JSON.parse(told.stdout.trim().split("\n").at(-1)), told));
    console.error(sections.at(-1));
  }
  const { size, questions, lambdas, tokens, confirming, precision, threads } = settings;
  const chosen = `${questions} prompts x ${tokens} tokens x ${lambdas} lambdas choose, ${confirming} prompts confirm`;
  return [`${size} shape, ${precision}, ${threads} threads: ${chosen}`, ...sections].join("\n\n");
}

/** Text must become tokens: the printable characters are some, and ids without one have made-up names. */
function modelOf(size) {
  const [first, space, last] = [100, 32, 126];
  const character = (code) => (code === space ? "Ġ" : String.fromCharCode(code));
  const tokenOf = (id) => (id >= first && id <= first + last - space ? character(id - first + space) : `t${id}`);
  return withVocabulary(join(benchFolder(), `experiment-${size}`), benchModels(size)[0], tokenOf);
}

function experimentOf(
  { size, form, questions, confirming, lambdas, tokens, threads, precision, aligned, adapter },
  folder,
) {
  const set = (name, count) => {
    const rows = Array.from({ length: count }, (_, at) => ({
      prompt: `${name} ${at}`,
      response: "yes",
      category: "all",
    }));
    const file = join(folder, `${name}.jsonl`);
    writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
    return file;
  };
  const half = (count) => Math.ceil(count / 2);
  return {
    name: `${size} shape`,
    aligned,
    tuned: [{ seed: 1, adapter }],
    methods: ["linear"],
    lambda: Array.from({ length: lambdas }, (_, at) => Number(((at + 1) / (lambdas + 1)).toFixed(6))),
    safety: {
      sets: [`safety:${set("request", half(questions))}`],
      test: [`safety:${set("demand", half(confirming))}`],
    },
    task: {
      validation: [`exact:${set("count", questions - half(questions))}`],
      test: [`exact:${set("sum", confirming - half(confirming))}`],
    },
    decoding: { maxNewTokens: tokens },
    engine: { engine: "native", threads, precision, ...(form !== "stored" && { weights: form }) },
    select: { rule: "constrained", margin: 0.9 },
  };
}

function section(form, { planned, planning, steps, running, chosen }, { residentMb, anonymousMb }) {
  const seconds = planned.reduce((sum, one) => sum + one.seconds, 0);
  const inSteps = steps.reduce((sum, one) => sum + one.seconds, 0);
  const rows = (all, tokensOf) =>
    all.map((one) => [one.step, tokensOf(one), (one.bytes ?? one.bytesWritten) / 1e6, one.seconds.toFixed(1)]);
  return [
    `**${form}**: planned ${seconds.toFixed(0)} s (the plan itself took ${planning.toFixed(0)} s); the run took ${running.toFixed(0)} s, ${(running / seconds).toFixed(2)} times that,`,
    `${inSteps.toFixed(0)} s of them in its steps; ${chosen}; peak ${anonymousMb.toFixed(0)} MB anonymous, ${residentMb.toFixed(0)} MB resident`,
    "",
    table(
      ["planned", "tokens", "MB written", "s"],
      rows(planned, ({ tokens }) => tokens),
    ),
    "",
    table(
      ["done", "tokens", "MB written", "s"],
      rows(
        steps.filter((one) => one.seconds >= 0.05),
        ({ newTokens }) => newTokens,
      ),
    ),
  ].join("\n");
}
