// One process of the benchmark of endings: our native engine. Settings on stdin; prints a JSON of questions a second and sums.

import { readFileSync } from "node:fs";
import { timesOf } from "./settings.mjs";

const { model: folder, inputs, threads, repeats } = JSON.parse(readFileSync(0, "utf8"));
const { openModel } = await import(new URL("../../../dist/index.js", import.meta.url));

const made = [];
/** Of the last run, of all threads: what a busy machine changes little. */
let cpu = 0;
const rate = await timesOf(repeats, async () => {
  // a model of its own each time: nothing that was read before is kept
  const model = await openModel(folder, { engine: "native", threads });
  await model.continuations([{ ids: [1, 2, 3], from: 1 }]);
  const before = process.cpuUsage();
  const started = performance.now();
  const scores = await model.continuations(inputs.flat());
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  cpu = (user + system) / 1e6 / inputs.length;
  made.splice(0, made.length, ...scores.map(({ logprobs }) => logprobs.reduce((sum, one) => sum + one, 0)));
  await model.close();
  return inputs.length / seconds;
});
console.log(JSON.stringify({ "": { rate, cpu, sums: made } }));
