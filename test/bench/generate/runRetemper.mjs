// One process of the generation benchmark: our native engine. Argument: a JSON of settings; prints a JSON of tokens/s.

import { join } from "node:path";
import { ids, settings, timesOf } from "./settings.mjs";

const {
  dist = new URL("../../../dist", import.meta.url).pathname,
  model: folder,
  threads,
  precision,
  file,
  prefill,
  decode,
  prompt,
  batches,
  repeats,
  vocabulary,
} = settings();
/** This build's, or that of another one. */
const { openModel } = await import(join(dist, "index.js"));
const model = file
  ? await openModel(file, { engine: "native", threads, weights: "asStored" })
  : await openModel(folder, { engine: "native", threads, precision });

async function run(prompts, maxNewTokens) {
  const times = [];
  const options = {
    maxNewTokens,
    ignoreEos: true,
    batch: prompts.length,
    onToken: () => times.push(performance.now()),
  };
  const started = performance.now();
  for await (const _ of model.generate(prompts, options));
  return { seconds: (performance.now() - started) / 1000, times };
}

const result = { prefill: 0, decode: {} };
result.prefill = await timesOf(repeats, async (repeat) => {
  const { seconds } = await run([ids(prefill, vocabulary, 1000 + repeat)], 1);
  return prefill / seconds;
});
for (const batch of batches) {
  result.decode[batch] = await timesOf(repeats, async (repeat) => {
    const prompts = Array.from({ length: batch }, (_, row) => ids(prompt, vocabulary, 7 + 100 * repeat + row));
    // The first token of every prompt is prefill; what is timed is everything after the last of those.
    const alone = await run(prompts, 1);
    const all = await run(
      prompts.map((_, row) => ids(prompt, vocabulary, 50_007 + 100 * repeat + row)),
      1 + decode,
    );
    return (batch * decode) / (all.seconds - alone.seconds);
  });
}
await model.close();
console.log(JSON.stringify(result));
