// One process of the benchmark of virtual merges. Argument: a JSON of settings; prints the milliseconds of a decoding step.

import { openModel } from "../../../dist/index.js";

const { source, lambdas, fidelity, threads, precision, decode } = JSON.parse(process.argv[2]);
const model = await openModel(source, { engine: "native", threads, precision, lambdas, fidelity });
const prompt = Array.from({ length: 16 }, (_, i) => 5 + 7 * i);

async function run(maxNewTokens) {
  const started = performance.now();
  for await (const _ of model.generate([prompt], { maxNewTokens, ignoreEos: true, batch: lambdas?.length ?? 1 }));
  return performance.now() - started;
}

await run(2); // touches every page
const first = await run(1);
const all = await run(1 + decode);
await model.close();
console.log((all - first) / decode);
