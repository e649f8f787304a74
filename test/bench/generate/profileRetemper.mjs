// One process of the profile: decodes one sequence, and prints a JSON of microseconds by part: of the fastest and the middle step,
// and the least of each part over all steps (of different ones: what remains beside other load).
// Argument: a JSON of settings.

import { ids, settings } from "./settings.mjs";

const { model: folder, threads, precision, decode, repeats, vocabulary } = settings();
process.env.RETEMPER_PROFILE = "1";
const [{ loadAddon }, { openCheckpoint }, { openDecoder }, { likeliest }] = await Promise.all(
  ["addon/load.js", "checkpoint/open.js", "nn/openDecoder.js", "generate/sampling/tokenSampler.js"].map(
    (file) => import(new URL(`../../../dist/${file}`, import.meta.url).href),
  ),
);
const OPERATIONS = ["embed", "project", "attend", "output", "mlp", "head"];
/** Microseconds of the step in work, by operation. */
let spent = {};
const timed =
  (name, call) =>
  (...args) => {
    const started = performance.now();
    const result = call(...args);
    spent[name] = (spent[name] ?? 0) + 1000 * (performance.now() - started);
    return result;
  };

// Whoever loads the addon gets this object: from here on it opens runtimes whose operations are timed.
const addon = loadAddon();
const open = addon.openRuntime;
let native;
addon.openRuntime = (options) => {
  native = open.call(addon, options);
  for (const name of OPERATIONS) {
    const make = native[name];
    native[name] = (...args) => timed(name, make(...args));
  }
  return native;
};

const decoder = await openDecoder(await openCheckpoint(folder, { addon }), "native", { threads, precision });
const prompt = ids(16, vocabulary, 7);
const steps = [];
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
  let next = likeliest(forward(prompt, 0));
  for (let at = 0; at < decode; at++) {
    spent = {};
    const before = native.stepTimes();
    const started = performance.now();
    const logits = forward([next], prompt.length + at);
    const computed = performance.now();
    next = likeliest(logits);
    const total = 1000 * (performance.now() - started);
    const after = native.stepTimes();
    if (repeat > 0) steps.push(partsOf(total, 1000 * (performance.now() - computed), before, after));
  }
  cache.dispose();
}
decoder.dispose();
steps.sort((a, b) => a.total - b.total);
console.log(
  JSON.stringify({ steps: steps.length, least: leastOf(steps), fastest: steps[0], middle: steps[steps.length >> 1] }),
);

function leastOf(all) {
  const of = (kind) =>
    Object.fromEntries(
      Object.keys(all[0][kind]).map((name) => [name, Math.min(...all.map((step) => step[kind][name]))]),
    );
  const parts = of("parts");
  return { total: Object.values(parts).reduce((sum, time) => sum + time, 0), parts, within: of("within") };
}

/** Parts add up to the step, but for what is within others. */
function partsOf(total, sampling, before, after) {
  const [products, waiting] = ["products", "waiting"].map((part) => 1e6 * (after[part] - before[part]));
  const operations = OPERATIONS.reduce((sum, name) => sum + spent[name], 0);
  const small = operations - products - spent.attend - spent.embed;
  const parts = {
    "products, packing included": products,
    attention: spent.attend,
    "embedding, norms, activations, sums": small + spent.embed,
    "likeliest of the vocabulary": sampling,
    "JavaScript and what lies between operations": total - sampling - operations,
  };
  return { total, parts, within: { "waiting for other threads": waiting, "product of the head": spent.head } };
}
