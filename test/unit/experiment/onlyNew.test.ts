// A run in a folder that has one already asks only what is new, and finds what a run from nothing finds, byte for byte.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { run } from "../../../lib/experiment/run.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import type { ExperimentCosts } from "../../../lib/report/types.js";
import { casesOf, long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const folder = mkdtempSync(join(tmpdir(), "retemper-new-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const first: Experiment = {
  aligned: join(demo, "model"),
  tuned: [{ seed: 42, adapter: join(demo, "adapters", "seed-42") }],
  methods: ["linear", ...(long ? [{ method: "dare_linear" as const, lambda: 0.5 }] : [])],
  lambda: [0.2, 0.6],
  safety: {
    sets: [`safety:${demo}/unsafe.jsonl`],
    judges: [{ keyword: ["i can't help with that"], ignoreCase: true, name: "town" }],
  },
  task: { validation: [`exact:${demo}/task_valid.jsonl`], test: [`exact:${demo}/task_test.jsonl`] },
  decoding: { maxNewTokens: 12 },
  limit: long ? 12 : 6,
  // chooses the same merge whatever the margin: what is written is asked once
  select: { rule: "constrained", margin: 0.9, by: "point", minGain: 0 },
};

interface Change {
  readonly what: string;
  readonly to: (before: Experiment) => Experiment;
  /** Steps that ask models, by the beginning of their names; those of what is chosen apart. */
  readonly asks: readonly string[];
}

const changes: readonly Change[] = [
  {
    what: "one lambda more",
    to: (before) => ({ ...before, lambda: [0.2, 0.4, 0.6] }),
    asks: ["linear seed 42"],
  },
  {
    what: "one judge more",
    to: (before) => ({
      ...before,
      safety: { ...before.safety, judges: [...(before.safety.judges ?? []), { keyword: ["sorry"], name: "other" }] },
    }),
    asks: [],
  },
  { what: "another margin", to: (before) => ({ ...before, select: { ...before.select, margin: 0.8 } }), asks: [] },
  {
    what: "one seed more",
    to: (before) => ({
      ...before,
      tuned: [...(before.tuned ?? []), { seed: 7, adapter: join(demo, "adapters", "seed-1024") }],
    }),
    asks: ["dare_linear (density 0.5) seed 7", "fine-tuned seed 7", "linear seed 7"],
  },
];

const textOf = (out: string) => readFileSync(join(out, "results.json"), "utf8");
const costsOf = (out: string) =>
  (JSON.parse(readFileSync(join(out, "costs.json"), "utf8")) as ExperimentCosts).steps.reduce(
    (sum, { newTokens }) => sum + newTokens,
    0,
  );

it.runIf(long)(
  "asks only what is new, and its results are those of a run from nothing",
  { timeout: 600_000 },
  async () => {
    const out = join(folder, "out");
    let experiment = first;
    await run(experiment, out);
    const wanted = casesOf(
      changes.map(({ what }) => what),
      ["one lambda more", "one judge more"],
    );
    for (const { what, to, asks } of changes.filter((one) => wanted.includes(one.what))) {
      experiment = to(experiment);
      const before = costsOf(out);
      const begun: string[] = [];
      await run(experiment, out, { onStep: (step) => begun.push(step) });
      const asked = begun.filter((step) => !/^(verdicts|write|compare) |, test$/.test(step));
      expect([what, [...new Set(asked.map((step) => step.replace(/, validation$/, "")))].sort()]).toEqual([what, asks]);
      if (begun.every((step) => step.startsWith("verdicts "))) expect([what, costsOf(out)]).toEqual([what, before]);
      if (!long && what !== wanted.at(-1)) continue;
      const anew = join(folder, what);
      await run(experiment, anew);
      expect(textOf(out) === textOf(anew), `${what}: the same results`).toBe(true);
      expect(costsOf(out)).toBeLessThan(before + costsOf(anew));
      rmSync(anew, { recursive: true });
    }
  },
);

it.runIf(long)("asks the items alone that a higher limit lets in", { timeout: 300_000 }, async () => {
  const out = join(folder, "limited");
  const small = { ...first, methods: ["linear" as const], limit: 4 };
  await run(small, out);
  const before = costsOf(out);
  await run({ ...small, limit: 8 }, out);
  const anew = join(folder, "eight");
  await run({ ...small, limit: 8 }, anew);
  expect(textOf(out)).toBe(textOf(anew));
  const written = 2 * before; // what is chosen may be another merge, whose files are asked all
  expect(costsOf(out)).toBeLessThanOrEqual(costsOf(anew) + written);
  rmSync(anew, { recursive: true });
});
