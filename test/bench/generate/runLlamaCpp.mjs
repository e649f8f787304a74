// One process of the generation benchmark: llama.cpp through node-llama-cpp (installed beside the benchmark's models).
// Argument: a JSON of settings; prints a JSON of tokens/s.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { ids, settings, timesOf } from "./settings.mjs";

const { gguf, library, threads, prefill, decode, prompt, batches, repeats, vocabulary } = settings();
const entry = createRequire(`${library}/`).resolve("node-llama-cpp");
const { getLlama } = await import(pathToFileURL(entry).href);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: threads });
const model = await llama.loadModel({ modelPath: gguf });
const result = { prefill: 0, decode: {} };

async function withContext(sequences, tokens, body) {
  const context = await model.createContext({
    contextSize: tokens,
    sequences,
    batchSize: Math.max(512, sequences),
    threads: { ideal: threads, min: threads },
    flashAttention: true,
  });
  const all = Array.from({ length: sequences }, () => context.getSequence());
  try {
    return await body(all);
  } finally {
    await context.dispose();
  }
}

result.prefill = await withContext(1, prefill + 32, ([sequence]) =>
  timesOf(repeats, async (repeat) => {
    await sequence.clearHistory();
    const started = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(ids(prefill, vocabulary, 1000 + repeat));
    return prefill / ((performance.now() - started) / 1000);
  }),
);
for (const batch of batches) {
  result.decode[batch] = await withContext(batch, prompt + decode + 32, (sequences) =>
    timesOf(repeats, async (repeat) => {
      await Promise.all(sequences.map((sequence) => sequence.clearHistory()));
      const prompts = sequences.map((_, row) => ids(prompt, vocabulary, 7 + 100 * repeat + row));
      await Promise.all(
        sequences.map((sequence, row) => sequence.evaluateWithoutGeneratingNewTokens(prompts[row].slice(0, -1))),
      );
      const started = performance.now();
      await Promise.all(
        sequences.map(async (sequence, row) => {
          let made = 0;
          for await (const _ of sequence.evaluate(prompts[row].slice(-1), {
            temperature: 0,
            yieldEogToken: true,
          })) {
            if (++made >= decode) break;
          }
        }),
      );
      return (batch * decode) / ((performance.now() - started) / 1000);
    }),
  );
}
console.log(JSON.stringify(result));
await llama.dispose();
