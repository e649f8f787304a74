// `npm run bench -- merge`: every method beside mergekit (where it is installed) and beside the floor.

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { floorSeconds } from "./floor.mjs";
import { benchFolder, benchModels, warm, weightBytes } from "./models.mjs";
import { peers } from "./peers.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const HELP = `usage: npm run bench -- merge [options]
  --size tiny|1b|8b  shape of the models (default 1b: Llama 3.2 1B, 2.5 GB each; 8b: Llama 3 8B, sparse
                     inputs of zeros and 16 GB of output)
  --methods LIST     comma-separated (default: all)
  --runs N           counted runs of each, the median is shown (default 3)
  --mergekit PATH    mergekit-yaml to compare with (default: the peers' environment, if there is one)
  --no-peers         ours and the floor only
  --cold             drop the page cache before each run (needs root)
  --no-keep          do not write test/bench/results`;

const weighted = (extra = {}) => ({ parameters: { weight: 0.4, ...extra } });
const METHODS = {
  linear: { tuned: 1, base: false, model: () => ({ parameters: { weight: 0.5 } }) },
  slerp: { tuned: 1, parameters: { t: 0.6 }, model: () => ({}) },
  task_arithmetic: { tuned: 3, model: () => weighted() },
  ties: { tuned: 3, model: () => weighted({ density: 0.5 }) },
  dare_ties: { tuned: 3, model: () => weighted({ density: 0.5 }) },
  dare_linear: { tuned: 3, model: () => weighted({ density: 0.5 }) },
  model_stock: { tuned: 3, model: () => ({}) },
  breadcrumbs: { tuned: 3, model: () => weighted({ density: 0.5, gamma: 0.01 }) },
  della: { tuned: 3, model: () => weighted({ density: 0.5, epsilon: 0.15 }) },
  passthrough: { tuned: 0, base: false, model: () => ({}) },
  nuslerp: { tuned: 1, base: false, model: () => ({ parameters: { weight: 0.5 } }) },
  multislerp: { tuned: 1, base: false, model: () => ({ parameters: { weight: 0.5 } }) },
  karcher: { tuned: 1, base: false, model: () => ({}) },
  nearswap: { tuned: 1, parameters: { t: 0.001 }, model: () => ({}) },
  arcee_fusion: { tuned: 1, model: () => ({}) },
  breadcrumbs_ties: { tuned: 3, model: () => weighted({ density: 0.5, gamma: 0.01 }) },
  della_linear: { tuned: 3, model: () => weighted({ density: 0.5, epsilon: 0.15 }) },
  sce: { tuned: 3, parameters: { select_topk: 0.5 }, model: () => ({}) },
  ram: { tuned: 3, model: () => ({}) },
  ramplus_tl: { tuned: 3, model: () => ({}) },
};

/** @param {string[]} args */
export async function merge(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "1b" },
      methods: { type: "string", default: Object.keys(METHODS).join(",") },
      runs: { type: "string", default: "3" },
      mergekit: { type: "string" },
      "no-peers": { type: "boolean", default: false },
      cold: { type: "boolean", default: false },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const models = benchModels(values.size);
  const scratch = join(benchFolder(), `run-${process.pid}`);
  mkdirSync(scratch);
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const peer = values["no-peers"] ? undefined : findMergekit(values.mergekit);
  if (!peer) console.error("mergekit is not installed: its column stays empty");
  warm(models);

  const rows = [];
  for (const method of values.methods.split(",")) {
    const spec = METHODS[method];
    if (!spec) throw new Error(`unknown method ${method}; ${HELP}`);
    console.error(`${method} …`);
    rows.push(await measure(method, spec, models, scratch, peer, Number(values.runs), values.cold));
    console.error(`  ${rows.at(-1).join("  ")}`);
  }
  const text = table(
    [
      "method",
      "inputs",
      "seconds",
      "mergekit",
      "x faster",
      "floor",
      "x floor",
      "GB/s",
      "CPU s",
      "anonymous MB",
      "mergekit MB",
    ],
    rows,
  );
  console.log(text);
  const title = `merge, ${values.size}-shaped bf16${values.cold ? ", cold cache" : ", warm"}, median of ${values.runs}`;
  if (!values["no-keep"]) keepResult(title, `npm run bench -- merge ${args.join(" ")}`.trim(), text);
}

async function measure(method, spec, models, scratch, peer, runs, cold) {
  const inputs = models.slice(0, spec.tuned + 1);
  const recipe = join(scratch, `${method}.yml`);
  const listed = spec.base === false ? inputs : inputs.slice(1);
  writeFileSync(
    recipe,
    JSON.stringify({
      merge_method: method,
      ...(spec.base === false ? {} : { base_model: inputs[0] }),
      dtype: "bfloat16",
      ...(spec.parameters ? { parameters: spec.parameters } : {}),
      models: listed.map((model) => ({ model, ...spec.model() })),
    }),
  );
  const out = join(scratch, "out");
  const bytes = weightBytes(inputs[0]);
  const ours = [];
  const theirs = [];
  const floors = [];
  for (let run = 0; run < runs; run++) {
    await settle(out, cold);
    floors.push(floorSeconds(inputs, bytes, join(scratch, "floor")));
    await settle(out, cold);
    ours.push(await observe(process.execPath, [MAIN, "merge", recipe, out, "--quiet", "--no-copy-tokenizer"]));
    if (!peer || run > 0) continue; // one run of the peer: it takes minutes, and its spread does not matter
    await settle(out, cold);
    const flags = ["--quiet", "--no-copy-tokenizer", "--no-write-model-card"];
    theirs.push(await observe(peer, [...flags, recipe, out], { env: { HF_HUB_OFFLINE: "1" } }));
  }
  rmSync(out, { recursive: true, force: true });
  const seconds = median(ours.map((run) => run.seconds));
  const floor = median(floors);
  const peerSeconds = theirs[0]?.seconds;
  const moved = (bytes * (inputs.length + 1)) / 1e9;
  return [
    method,
    inputs.length,
    seconds.toFixed(2),
    peerSeconds?.toFixed(1) ?? "",
    peerSeconds ? (peerSeconds / seconds).toFixed(1) : "",
    floor.toFixed(2),
    (seconds / floor).toFixed(2),
    (moved / seconds).toFixed(1),
    median(ours.map((run) => run.cpu)).toFixed(1),
    Math.max(...ours.map((run) => run.anonymousMb)).toFixed(0),
    theirs[0]?.residentMb.toFixed(0) ?? "",
  ];
}

/** Removes the last output, flushes what it left, and drops the cache for cold runs. */
async function settle(out, cold) {
  rmSync(out, { recursive: true, force: true });
  await observe("sync", []);
  if (cold) writeFileSync("/proc/sys/vm/drop_caches", "3");
}

function findMergekit(asked) {
  if (asked) return asked;
  const candidates = [
    join(peers, "v", "bin", "mergekit-yaml"),
    ...(process.env.PATH ?? "").split(":").map((folder) => join(folder, "mergekit-yaml")),
  ];
  return candidates.find((path) => existsSync(path));
}
