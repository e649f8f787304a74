// `npm run bench -- generate`: tokens a second of our native engine, transformers on torch, and llama.cpp, in turn on the
// same weights: prefill of 256 tokens, and decoding at batch 1, 8 and 32. Activations in float32 are compared with
// float32 peers, bfloat16 with bfloat16 ones.

import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeGguf } from "./generate/gguf.mjs";
import { profileOf } from "./generate/profile.mjs";
import { checkTarget, environmentOf, hasTarget, heldLlamaCpp, memorySpeeds, processor } from "./generate/targets.mjs";
import { benchFolder, benchModels, weightBytes } from "./models.mjs";
import { python } from "./peers.mjs";
import { observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const HELP = `usage: npm run bench -- generate [options]
  --model DIR         a real model in bfloat16 of the Llama family, such as SmolLM2-135M-Instruct (besides the 1B shape)
  --no-1b             leave the 1B-shaped model out
  --8b                the 8B-shaped model too: its values are zeros, and its 16 GB in bfloat16 take memory (page cache) and no disk;
                      with --quantised 8.6 GB (q8_0) and 5 GB (q4_k_m) of files, with llama.cpp in bfloat16 16 GB
  --threads LIST      (default 1,2)
  --precisions LIST   (default float32,bfloat16)
  --quantised LIST    besides, GGUF files of these types (q8_0,q4_k_m), multiplied as they are stored, beside llama.cpp on the same file
  --batches LIST      of decoding (default 1,8,32)
  --prefill N         tokens of the prompt (default 256)
  --decode N          tokens of each sequence that are timed (default 48; half of it at 1B, a sixth at 8B)
  --prompt N          tokens of each sequence that come before them (default 16)
  --repeats N         the best of N, after one to warm up (default 3)
  --targets LIST      instruction sets that all are held to: avx2, avx512, avx512_bf16, amx, or best (default: best)
  --profile           in place of the comparison: where a decode step of our engine goes (of --precisions and --quantised)
  --engines LIST      retemper,transformers,llama.cpp (default: those that are there)
  --no-keep           do not write test/bench/results
node-llama-cpp is installed into the benchmark's cache folder at the first run; transformers is taken from the Python
environment of RETEMPER_PYTHON or RETEMPER_PEERS.`;
const LLAMA_CPP = "3.22.1";
const here = (name) => fileURLToPath(new URL(`generate/${name}`, import.meta.url));

/** @param {string[]} args */
export async function generate(args) {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: "string", multiple: true, default: [] },
      "no-1b": { type: "boolean", default: false },
      "8b": { type: "boolean", default: false },
      threads: { type: "string", default: "1,2" },
      precisions: { type: "string", default: "float32,bfloat16" },
      quantised: { type: "string", default: "" },
      batches: { type: "string", default: "1,8,32" },
      prefill: { type: "string", default: "256" },
      decode: { type: "string", default: "48" },
      prompt: { type: "string", default: "16" },
      repeats: { type: "string", default: "3" },
      targets: { type: "string", default: "best" },
      profile: { type: "boolean", default: false },
      engines: { type: "string" },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const wanted = values.engines?.split(",") ?? ["retemper", "transformers", "llama.cpp"];
  const engines = wanted.filter((engine) => isThere(engine));
  const models = [
    ...values.model.map((folder) => ({ name: folder.split("/").filter(Boolean).at(-1), folder, share: 1 })),
    ...(values["no-1b"] ? [] : [{ name: "Llama 3.2 1B shape", folder: oneB(), share: 1 / 2 }]),
    ...(values["8b"] ? [{ name: "Llama 3.1 8B shape", folder: oneB("8b"), share: 1 / 6 }] : []),
  ];
  const batches = values.batches.split(",").map(Number);
  const targets = values.targets.split(",");
  for (const target of targets) checkTarget(target);
  const sections = [`On ${processor()}.`];
  for (const { target, name, folder, share } of targets.flatMap((held) =>
    models.map((model) => ({ target: held, ...model })),
  )) {
    if (!hasTarget(target)) {
      sections.push(`**${name}, held to ${target}**: not measured, this processor lacks it.`);
      continue;
    }
    const vocabulary = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).vocab_size;
    for (const threads of values.threads.split(",").map(Number)) {
      const speeds = memorySpeeds(threads);
      const quantised = values.quantised.split(",").filter(Boolean);
      for (const precision of [...values.precisions.split(",").filter(Boolean), ...quantised]) {
        const file = quantised.includes(precision) ? await quantisedFile(folder, precision) : undefined;
        const settings = {
          target,
          model: folder,
          threads,
          precision,
          file,
          vocabulary,
          batches,
          prefill: Number(values.prefill),
          decode: Math.round(Number(values.decode) * share),
          prompt: Number(values.prompt),
          repeats: Number(values.repeats),
        };
        const title = `${name}, ${target === "best" ? "" : `held to ${target}, `}${precision}, ${threads} thread${threads > 1 ? "s" : ""}`;
        const bytes = file ? statSync(file).size : weightBytes(folder);
        const [kernel, speed] = Object.entries(speeds).reduce((best, each) => (each[1] > best[1] ? each : best));
        if (values.profile) {
          sections.push(profileOf(title, settings, { bytes, kernel, speed }));
          continue;
        }
        const rows = [];
        for (const engine of engines) {
          if (file && engine === "transformers") continue;
          console.error(`${title}: ${engine} …`);
          const { result, residentMb } = await runEngine(engine, settings);
          rows.push({ engine, result, residentMb });
          console.error(`  ${JSON.stringify(result)}`);
        }
        sections.push(section({ title, bytes, batches, kernel, speed, speeds, rows }));
      }
    }
  }
  const text = sections.join("\n\n");
  console.log(text);
  if (!values["no-keep"]) keepResult("generate", `npm run bench -- generate ${args.join(" ")}`.trim(), text);
}

function isThere(engine) {
  if (engine === "retemper" || engine === "llama.cpp") return true;
  if (engine !== "transformers") throw new Error(`unknown engine ${engine}`);
  const found = existsSync(python);
  if (!found) console.error(`transformers left out: no Python at ${python} (RETEMPER_PYTHON)`);
  return found;
}

async function runEngine(engine, settings) {
  const { threads, target } = settings;
  const offline = { HF_HUB_OFFLINE: "1", TRANSFORMERS_VERBOSITY: "error" };
  const env = { OMP_NUM_THREADS: String(threads), ...offline, ...environmentOf(target) };
  const [command, script, more] =
    engine === "retemper"
      ? [process.execPath, here("runRetemper.mjs"), {}]
      : engine === "transformers"
        ? [python, here("run_transformers.py"), {}]
        : [
            process.execPath,
            here("runLlamaCpp.mjs"),
            {
              library: heldLlamaCpp(llamaCpp(), target),
              gguf: settings.file ?? ggufOf(settings.model, settings.precision),
            },
          ];
  const { stdout, residentMb } = await observe(command, [script, JSON.stringify({ ...settings, ...more })], { env });
  return { result: JSON.parse(stdout.trim().split("\n").at(-1)), residentMb };
}

function section({ title, bytes, batches, kernel, speed, speeds, rows }) {
  const cells = (result) => [result.prefill, ...batches.map((batch) => result.decode[batch])];
  const best = (column) =>
    Math.max(0, ...rows.filter((r) => r.engine !== "retemper").map((r) => cells(r.result)[column]));
  const head = ["engine", "prefill", ...batches.map((batch) => `decode ${batch}`), "resident MB"];
  const lines = rows.map(({ engine, result, residentMb }) => [
    engine,
    ...cells(result).map((rate) => rate.toFixed(1)),
    Math.round(residentMb),
  ]);
  const ours = rows.find((row) => row.engine === "retemper");
  if (ours && rows.length > 1) {
    lines.push([
      "ours / best of the others",
      ...cells(ours.result).map((rate, i) => `${(rate / best(i)).toFixed(2)}x`),
      "",
    ]);
  }
  const read = ours?.result.decode[1] ? (ours.result.decode[1] * bytes) / 1e9 : undefined;
  const share = read && `${read.toFixed(1)} GB/s of weights, ${Math.round((100 * read) / speed)} % of`;
  const note = read
    ? `\n\nDecoding one sequence reads ${share} the ${speed.toFixed(1)} GB/s of the fastest kernel (${kernel}; ${all(speeds)}).`
    : "";
  return `**${title}**, tokens/s\n\n${table(head, lines)}${note}`;
}

/** As STREAM counts bytes, in GB/s. */
function all(speeds) {
  return Object.entries(speeds)
    .map(([kernel, speed]) => `${kernel} ${speed.toFixed(1)}`)
    .join(", ");
}

/** node-llama-cpp with its binaries for the CPU, in a folder of its own: 90 MB that only this benchmark needs. */
function llamaCpp() {
  const folder = join(benchFolder(), `node-llama-cpp-${LLAMA_CPP}`);
  if (!existsSync(join(folder, "node_modules", "node-llama-cpp"))) {
    console.error(`installing node-llama-cpp ${LLAMA_CPP} into ${folder} …`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), "{}\n");
    const arch = process.arch === "arm64" ? "linux-arm64" : "linux-x64";
    const packages = [`node-llama-cpp@${LLAMA_CPP}`, `@node-llama-cpp/${arch}@${LLAMA_CPP}`];
    execFileSync("npm", ["install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", ...packages], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return folder;
}

/** The model as GGUF file of a quantised type, made by this build. */
async function quantisedFile(folder, quantise) {
  const out = join(benchFolder(), `${folder.replaceAll("/", "_")}-${quantise}`);
  const file = join(out, `model-${quantise.toUpperCase()}.gguf`);
  if (existsSync(file)) return file;
  const { convert } = await import(new URL("../../dist/index.js", import.meta.url));
  await convert(folder, out, { format: "gguf", quantise });
  return file;
}

function ggufOf(folder, precision) {
  const file = join(benchFolder(), `${folder.replaceAll("/", "_")}-${precision}.gguf`);
  if (!existsSync(file)) writeGguf(folder, file, precision);
  return file;
}

/** A model of the merge benchmark (by default 1B-shaped), with a vocabulary made up for it: token ids go in and come out. */
export function oneB(size = "1b", at = 0) {
  const folder = join(benchFolder(), `generate-${size}${at === 0 ? "" : `-tuned-${at}`}`);
  return withVocabulary(folder, benchModels(size)[at], (id) => `t${id}`);
}

/** The model in a folder of its own, once, with a vocabulary. @param tokenOf an id's token, as byte-level BPE writes it */
export function withVocabulary(folder, base, tokenOf) {
  if (existsSync(join(folder, "tokenizer.json"))) return folder;
  mkdirSync(folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(base, "config.json"), "utf8"));
  const full = { ...config, max_position_embeddings: 4096, bos_token_id: 1, eos_token_id: 2, hidden_act: "silu" };
  writeFileSync(join(folder, "config.json"), JSON.stringify(full));
  linkSync(join(base, "model.safetensors"), join(folder, "model.safetensors"));
  const vocab = Object.fromEntries(Array.from({ length: config.vocab_size }, (_, id) => [tokenOf(id), id]));
  const model = { type: "BPE", unk_token: null, byte_fallback: false, vocab, merges: [] };
  const decoder = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast" }));
  writeFileSync(
    join(folder, "tokenizer.json"),
    JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: decoder,
      post_processor: null,
      decoder,
      model,
    }),
  );
  return folder;
}
