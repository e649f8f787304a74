// `npm run bench -- extract`: the difference of two models as an adapter, beside mergekit-extract-lora; times, and what each adapter
// lacks of the second model.

import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { distances } from "../../dist/index.js";
import { benchFolder, benchModels, warm } from "./models.mjs";
import { peers } from "./peers.mjs";
import { median, observe } from "./process.mjs";
import { keepResult, table } from "./results.mjs";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const HELP = `usage: npm run bench -- extract [options]
  --size tiny|140m|1b|8b  shape of the models (default 140m)
  --rank N           highest rank of each product (default 32)
  --runs N           counted runs of each, the median is shown (default 3)
  --no-peers         ours only
  --no-keep          do not write test/bench/results`;

/** @param {string[]} args */
export async function extract(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: "string", default: "140m" },
      rank: { type: "string", default: "32" },
      runs: { type: "string", default: "3" },
      "no-peers": { type: "boolean", default: false },
      "no-keep": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const [base, tuned] = benchModels(values.size);
  const scratch = join(benchFolder(), `run-${process.pid}`);
  mkdirSync(scratch);
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  const peer = values["no-peers"] ? undefined : findMergekit();
  if (!peer) console.error("mergekit-extract-lora is not installed (npm run setup:peers): its row stays empty");
  warm([base, tuned]);
  const [ours, theirs] = ["ours", "theirs"].map((name) => join(scratch, name));
  const runs = { ours: [], theirs: [] };
  for (let run = 0; run < Number(values.runs); run++) {
    const own = ["extract", base, tuned, ours, "--rank", values.rank, "--force", "--quiet"];
    runs.ours.push(await observe(process.execPath, [MAIN, ...own]));
    if (!peer) continue;
    rmSync(theirs, { recursive: true, force: true });
    const flags = ["--base-model", base, "--model", tuned, "--out-path", theirs, "--max-rank", values.rank, "--quiet"];
    // Started from a folder with a file types.py, Python breaks.
    runs.theirs.push(await observe(peer, flags, { cwd: scratch }));
  }
  const whole = (await distances([base, tuned]))[0][1];
  const rows = [];
  for (const [name, adapter] of Object.entries({ ours, theirs })) {
    const all = runs[name];
    if (all.length === 0) continue;
    const lacks = (await distances([`${base}+${adapter}`, tuned]))[0][1] / whole;
    rows.push([
      name === "ours" ? "retemper extract" : "mergekit-extract-lora",
      median(all.map(({ seconds }) => seconds)).toFixed(2),
      median(all.map(({ cpu }) => cpu)).toFixed(2),
      Math.max(...all.map(({ anonymousMb }) => anonymousMb)).toFixed(0),
      lacks.toFixed(6),
    ]);
  }
  const text = table(["", "seconds", "CPU seconds", "anonymous MB", "share of the change that is missing"], rows);
  console.log(text);
  const title = `extract, ${values.size}-shaped bf16, rank ${values.rank}, warm, median of ${values.runs}`;
  if (!values["no-keep"]) keepResult(title, `npm run bench -- extract ${args.join(" ")}`.trim(), text);
}

function findMergekit() {
  const command = join(peers, "v", "bin", "mergekit-extract-lora");
  return existsSync(command) ? command : undefined;
}
