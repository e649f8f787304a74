// What a run asks when its experiment was changed: one lambda more, one judge more, another margin, one seed more, twice the items.
// Each time its results must be those of a run from nothing (but for its tunings, which are copied), byte for byte.
//   node test/e2e/onlyNew.mjs [EXPERIMENT = demo/experiment.yml] [--limit N = 20] [--lambda L = 0.35] [--seeds A,B,C] [--keep DIR]
// With `tune:` the seeds are the experiment's, of which the last comes later; so too with `tuned:`. Needs dist/ and the addon.

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const { run } = await import(join(root, "dist/index.js"));
const { loadExperiment } = await import(join(root, "dist/experiment/settings/load.js"));
const { table } = await import(join(root, "dist/cli/table.js"));

const text = /** @type {const} */ ({ type: "string" });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { limit: text, lambda: text, keep: text },
});
const file = resolve(positionals[0] ?? join(root, "demo/experiment.yml"));
const limit = Number(values.limit ?? 20);
const folder = values.keep ?? mkdtempSync(join(tmpdir(), "retemper-only-new-"));
const whole = await loadExperiment(file);

/** The experiment with fewer of everything, and then what is added one after the other. */
const withoutLast = (list) => list.slice(0, -1);
const first = {
  ...whole,
  limit,
  ...(whole.tune && { tune: { ...whole.tune, seeds: withoutLast(whole.tune.seeds) } }),
  ...(whole.tuned && { tuned: withoutLast(whole.tuned) }),
};
const lambda = Number(values.lambda ?? 0.35);
const more = (entry) =>
  typeof entry === "object" && entry.lambda ? { ...entry, lambda: [entry.lambda, lambda].flat() } : entry;
const changes = [
  ["one lambda more", (e) => ({ ...e, lambda: [e.lambda, lambda].flat(), methods: e.methods.map(more) })],
  [
    "one judge more",
    (e) => ({
      ...e,
      safety: { ...e.safety, judges: [...e.safety.judges, { keyword: ["sorry", "cannot"], name: "another" }] },
    }),
  ],
  ["another margin", (e) => ({ ...e, select: { ...e.select, margin: (e.select.margin ?? 0.05) + 0.01 } })],
  [
    "one seed more",
    (e) => ({ ...e, ...(whole.tune && { tune: whole.tune }), ...(whole.tuned && { tuned: whole.tuned }) }),
  ],
  ["twice the items", (e) => ({ ...e, limit: 2 * limit })],
];

const out = join(folder, "changed");
const costsOf = (place) => JSON.parse(readFileSync(join(place, "costs.json"), "utf8")).steps;
const tokensOf = (steps) => steps.reduce((sum, { newTokens }) => sum + newTokens, 0);
const rows = [];
let failed = 0;

async function timed(experiment, place) {
  const started = performance.now();
  await run(experiment, place, { folder: dirname(file) });
  return (performance.now() - started) / 1000;
}

let experiment = first;
const seconds = await timed(experiment, out);
rows.push(["at first", tokensOf(costsOf(out)), "", seconds.toFixed(0), "", ""]);
for (const [what, change] of changes) {
  experiment = change(experiment);
  const before = costsOf(out);
  const took = await timed(experiment, out);
  const now = costsOf(out);
  const anew = join(folder, "anew");
  for (const name of readdirSync(join(out, "steps")).filter((one) => one.startsWith("tune-"))) {
    cpSync(join(out, "steps", name), join(anew, "steps", name), { recursive: true });
  }
  const alone = await timed(experiment, anew);
  const same = readFileSync(join(out, "results.json"), "utf8") === readFileSync(join(anew, "results.json"), "utf8");
  if (!same) failed += 1;
  const asked = tokensOf(now) - tokensOf(before);
  rows.push([what, asked, tokensOf(costsOf(anew)), took.toFixed(0), alone.toFixed(0), same ? "the same" : "DIFFER"]);
  if (same) rmSync(anew, { recursive: true });
  console.error(rows.at(-1).join("  "));
}
const head = ["changed", "tokens asked", "from nothing", "s", "from nothing, s", "results.json"];
console.log(
  table(
    head,
    rows.map((row) => row.map(String)),
    [1, 2, 3, 4],
  ),
);
if (!values.keep && failed === 0) rmSync(folder, { recursive: true });
process.exitCode = failed > 0 ? 1 : 0;
