// `npm run bench -- judges`: verdicts a minute of a judge of WildGuard's shape, with random weights: instructions that all
// prompts begin with, an answer of each one's own. Ours by the probabilities of its form (seven short endings of each prompt)
// and by one word; transformers on torch in batches, by the logits after the prompt, and by what it writes.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { oneB } from "./generate.mjs";
import { python } from "./peers.mjs";
import { keepResult, table } from "./results.mjs";

const HELP = `usage: npm run bench -- judges [options]
  --size NAME         140m or 1b (default 1b)
  --verdicts N        (default 100)
  --instructions N    tokens that all prompts begin with (default 400)
  --answer N          tokens of each prompt's own (default 200)
  --written N         tokens that a judge writes (default 22, as WildGuard's form)
  --batch N           of transformers (default 8)
  --threads N         (default 2)
  --precision NAME    float32 or bfloat16, of both (default float32)
  --ways LIST         retemper-form,retemper-word,transformers-word,transformers-written (default: all)
  --no-keep           do not write test/bench/results`;
const here = (name) => fileURLToPath(new URL(`judges/${name}`, import.meta.url));

/** @param {string[]} args */
export async function judges(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      verdicts: { type: "string", default: "100" },
      instructions: { type: "string", default: "400" },
      answer: { type: "string", default: "200" },
      written: { type: "string", default: "22" },
      batch: { type: "string", default: "8" },
      threads: { type: "string", default: "2" },
      precision: { type: "string", default: "float32" },
      ways: { type: "string", default: "retemper-form,transformers-word,retemper-word,transformers-written" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const { size, precision } = values;
  const numbers = ["verdicts", "instructions", "answer", "written", "batch", "threads"];
  const settings = {
    model: oneB(size),
    precision,
    ...Object.fromEntries(numbers.map((name) => [name, Number(values[name])])),
  };
  const rows = values.ways.split(",").map((way) => {
    const [engine, by] = way.split("-");
    const asked = JSON.stringify({ ...settings, by });
    const [command, script] =
      engine === "retemper" ? [process.execPath, here("runRetemper.mjs")] : [python, here("run_transformers.py")];
    const { seconds } = JSON.parse(
      execFileSync(command, [script, asked], { encoding: "utf8" }).trim().split("\n").at(-1),
    );
    console.error(`${way}: ${seconds.toFixed(1)} s`);
    return [engine, by, seconds.toFixed(1), ((60 * settings.verdicts) / seconds).toFixed(1)];
  });
  const text = table(["engine", "by", "seconds", "verdicts a minute"], rows);
  console.log(text);
  if (!values["no-keep"]) keepResult("Judges", `npm run bench -- judges ${args.join(" ")}`, text);
}
