// One process of the benchmark of requests. Argument: a JSON of settings; prints a JSON of medians.

import { openModel } from "../../../dist/index.js";

const { source, requests, newTokens, runs, threads, precision } = JSON.parse(process.argv[2]);
const model = await openModel(source, { lambdas: [0.5], fidelity: "linear", threads, precision });

/** Seconds and processor seconds of what `work` does. */
async function timed(work) {
  const before = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - started) / 1000, processor: (user + system) / 1e6 };
}

async function answer(lambda, at) {
  const prompt = [1, 20 + at, 300, 40, 50, 60, 7, 8];
  for await (const _ of model.generate([prompt], { lambda, maxNewTokens: newTokens, ignoreEos: true })) {
    // its tokens are counted by their number
  }
}

const all = (lambdas) => timed(() => Promise.all(lambdas.map(answer)));
const one = Array.from({ length: requests }, () => 0.5);
const found = { "one lambda": [], "as many new lambdas": [], "these lambdas again": [] };
await all(one); // touches memory
const values = [];
for (let run = 0; run < runs; run++) {
  const fresh = one.map((_, at) => (at + 1 + run / runs) / (requests + 2));
  found["one lambda"].push(await all(one));
  found["as many new lambdas"].push(await all(fresh));
  found["these lambdas again"].push(await all(fresh));
  for (let at = 0; at < 5; at++) {
    const known = await timed(() => model.logits([[1]], { lambda: 0.5 }));
    const added = await timed(() => model.logits([[1]], { lambda: 0.5 + (1 + at + 5 * run) / 1000 }));
    values.push({ seconds: added.seconds - known.seconds, processor: added.processor - known.processor });
  }
}
await model.close();

const middle = (list, part) => list.map((one) => one[part]).sort((a, b) => a - b)[list.length >> 1];
const cases = Object.fromEntries(
  Object.entries(found).map(([name, list]) => [
    name,
    { seconds: middle(list, "seconds"), processor: middle(list, "processor"), tokens: requests * newTokens },
  ]),
);
const value = { seconds: 1000 * middle(values, "seconds"), processor: 1000 * middle(values, "processor") };
console.log(JSON.stringify({ cases, value }));
