// One process of the benchmark of virtual steps: opens a merge at several lambdas and decodes with it, a row of each lambda, as many rows
// of one, and one row, in turn, so that all meet the same machine. Argument: a JSON of settings; prints a JSON of milliseconds a step,
// medians, and of processor milliseconds.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { source, lambdas, weights, threads, precision, steps } = JSON.parse(process.argv[2]);
const [{ virtualMerge }, { mergedCheckpoint }, { openDecoder }] = await Promise.all(
  ["merge/virtualMerge.js", "nn/virtual/virtualCheckpoint.js", "nn/openDecoder.js"].map(
    (file) => import(new URL(`../../../dist/${file}`, import.meta.url).href),
  ),
);
const folder = mkdtempSync(join(tmpdir(), "retemper-steps-"));
const quantise = weights === "bfloat16" ? undefined : weights;
const merge = await virtualMerge(source, folder, { lambdas, fidelity: "linear", quantise });
const checkpoint = await mergedCheckpoint("steps", merge);
const hold = quantise !== undefined;
const decoder = await openDecoder(checkpoint, "native", { threads, precision, merge, hold, weights: quantise });
rmSync(folder, { recursive: true });

const PROMPT = Array.from({ length: 16 }, (_, at) => 5 + 7 * at);
const middle = lambdas.length >> 1;
const cases = {
  lambdas: lambdas.map((_, at) => at),
  rows: lambdas.map(() => middle),
  one: [middle],
};
const runs = Object.fromEntries(
  Object.entries(cases).map(([name, variants]) => {
    const cache = decoder.createCache({ slots: variants.length, tokens: PROMPT.length + steps + 1 });
    for (const [slot, variant] of variants.entries()) {
      const all = (value) => Int32Array.from(PROMPT, value);
      const rows = { ids: all((id) => id), positions: all((_, at) => at), slots: all(() => slot) };
      decoder.forward({ ...rows, variants: all(() => variant) }, cache, Int32Array.of(PROMPT.length - 1));
    }
    return [name, { variants: Int32Array.from(variants), cache, milliseconds: [], processor: [] }];
  }),
);
for (let step = 0; step <= steps; step++) {
  for (const { variants, cache, milliseconds, processor } of Object.values(runs)) {
    const all = (value) => Int32Array.from(variants, value);
    const rows = {
      ids: all((_, at) => 11 + at + step),
      positions: all(() => PROMPT.length + step),
      slots: all((_, at) => at),
    };
    const before = process.cpuUsage();
    const started = performance.now();
    decoder.forward(
      { ...rows, variants },
      cache,
      all((_, at) => at),
    );
    const took = performance.now() - started;
    const { user, system } = process.cpuUsage(before);
    if (step === 0) continue; // touches memory
    milliseconds.push(took);
    processor.push((user + system) / 1000);
  }
}
for (const { cache } of Object.values(runs)) cache.dispose();
decoder.dispose();
const middleOf = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const found = (part) => Object.fromEntries(Object.entries(runs).map(([name, run]) => [name, middleOf(run[part])]));
console.log(JSON.stringify({ milliseconds: found("milliseconds"), processor: found("processor") }));
