// One process of the benchmark of whole experiments. Argument: a JSON of the experiment and its folder; prints what was planned and what it took.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { planRun, run } from "../../../dist/index.js";

const { experiment, out } = JSON.parse(process.argv[2]);

/** What `work` comes to, and seconds. */
async function timed(work) {
  const started = performance.now();
  const result = await work();
  return [result, (performance.now() - started) / 1000];
}

const [{ steps: planned }, planning] = await timed(() => planRun(experiment, out));
console.error(JSON.stringify({ planned, planning }));
const [{ selection, confirmation }, running] = await timed(() => run(experiment, out));
const { steps } = JSON.parse(readFileSync(join(out, "costs.json"), "utf8"));
const { candidate } = selection.overall;
const chosen = candidate
  ? `lambda ${candidate.lambda} was chosen and ${confirmation?.holds ? "" : "not "}confirmed`
  : "nothing was chosen";
console.log(JSON.stringify({ planned, planning, steps, running, chosen }));
