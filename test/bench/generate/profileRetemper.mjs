// One process of the profile: decodes one sequence, and prints a JSON of milliseconds by part: of the fastest and the middle step,
// and the least of each part over all steps (of different ones: what remains beside other load); and the processor's time for a step.
// Argument: a JSON of settings.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ids, settings } from "./settings.mjs";

const {
  dist = new URL("../../../dist", import.meta.url).pathname,
  model: folder,
  file,
  threads,
  precision,
  decode,
  repeats,
  vocabulary,
} = settings();
process.env.RETEMPER_PROFILE = "1";
const [{ loadAddon }, { openCheckpoint }, { openDecoder }, { likeliest }, { virtualMerge }, { mergedCheckpoint }] =
  await Promise.all(
    [
      "addon/load.js",
      "checkpoint/open.js",
      "nn/openDecoder.js",
      "generate/sampling/tokenSampler.js",
      "merge/virtualMerge.js",
      "nn/virtual/virtualCheckpoint.js",
    ].map((name) => import(join(dist, name))),
  );

// Whoever loads the addon gets this object: from here on it opens runtimes whose steps are timed.
const addon = loadAddon();
const open = addon.openRuntime;
let native;
/** Milliseconds in the call of the step in work. */
let inside = 0;
addon.openRuntime = (options) => {
  native = open.call(addon, options);
  const make = native.decoder;
  native.decoder = (...args) => {
    const step = make(...args);
    return (...rows) => {
      const started = performance.now();
      step(...rows);
      inside = performance.now() - started;
    };
  };
  return native;
};

const decoder = await opened();
const prompt = ids(16, vocabulary, 7);
const steps = [];
let processor = { user: 0, system: 0 };
for (let repeat = 0; repeat <= repeats; repeat++) {
  const cache = decoder.createCache({ slots: 1, tokens: prompt.length + decode });
  const forward = (tokens, position) => {
    const rows = {
      ids: Int32Array.from(tokens),
      positions: Int32Array.from(tokens, (_, at) => position + at),
      slots: new Int32Array(tokens.length),
      variants: new Int32Array(tokens.length),
    };
    return decoder.forward(rows, cache, Int32Array.of(tokens.length - 1));
  };
  let next = likeliest(forward(prompt, 0), decoder.argMax);
  if (repeat === 1) processor = process.cpuUsage();
  for (let at = 0; at < decode; at++) {
    const before = native.stepTimes();
    const started = performance.now();
    const logits = forward([next], prompt.length + at);
    const computed = performance.now();
    next = likeliest(logits, decoder.argMax);
    const ended = performance.now();
    const after = native.stepTimes();
    const times = Object.fromEntries(Object.keys(after).map((name) => [name, 1000 * (after[name] - before[name])]));
    if (repeat > 0) steps.push(partsOf({ total: ended - started, inside, sampling: ended - computed, times }));
  }
  cache.dispose();
}
const { user, system } = process.cpuUsage(processor);
decoder.dispose();
steps.sort((a, b) => a.total - b.total);
console.log(
  JSON.stringify({
    steps: steps.length,
    processor: (user + system) / 1000 / steps.length,
    least: leastOf(steps),
    fastest: steps[0],
    middle: steps[steps.length >> 1],
  }),
);

/** The model, or a GGUF file whose blocks are multiplied as they lie. */
async function opened() {
  if (!file) return openDecoder(await openCheckpoint(folder, { addon }), "native", { threads, precision });
  const place = await mkdtemp(join(tmpdir(), "retemper-profile-"));
  try {
    const merge = await virtualMerge({ merge_method: "passthrough", models: [{ model: file }] }, place, { threads });
    return await openDecoder(await mergedCheckpoint(file, merge), "native", { threads, merge, weights: "asStored" });
  } finally {
    await rm(place, { recursive: true });
  }
}

function leastOf(all) {
  const of = (kind) =>
    Object.fromEntries(
      Object.keys(all[0][kind]).map((name) => [name, Math.min(...all.map((step) => step[kind][name]))]),
    );
  const parts = of("parts");
  return { total: Object.values(parts).reduce((sum, time) => sum + time, 0), parts, within: of("within") };
}

/** Parts add up to the step, but for what is within others. */
function partsOf({ total, inside: native, sampling, times: { products, attention, head, waiting, others } }) {
  const parts = {
    "products, packing included": products,
    attention,
    "embedding, norms, activations, sums": native - products - attention - waiting,
    "waiting for other threads": waiting,
    "likeliest of the vocabulary": sampling,
    "JavaScript and the crossing": total - sampling - native,
  };
  const idle = threads > 1 && { "the other threads have nothing to do": total - others / (threads - 1) };
  return { total, parts, within: { "product of the head": head, ...idle } };
}
