// A run with proxies: they are read before the merges are asked, once, and told beside what the answers say.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { planRun } from "../../../../lib/experiment/plan/planRun.js";
import { proxySentence } from "../../../../lib/experiment/results/proxySentence.js";
import { run } from "../../../../lib/experiment/run.js";
import type { Experiment } from "../../../../lib/experiment/settings/schema.js";
import { escaped } from "../../../../lib/report/markdownText.js";
import { long } from "../../../long.js";

const demo = join(import.meta.dirname, "../../../../demo");
const folder = mkdtempSync(join(tmpdir(), "retemper-proxies-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const experiment: Experiment = {
  aligned: join(demo, "model"),
  tuned: [{ seed: 42, adapter: join(demo, "adapters", "seed-42") }],
  methods: ["linear"],
  lambda: [0, 0.2, 0.4, 0.6, 1],
  safety: {
    sets: [`safety:${demo}/unsafe.jsonl`],
    judges: [{ keyword: ["i can't help with that"], ignoreCase: true, name: "town" }],
  },
  overRefusal: [`over-refusal:${demo}/benign.jsonl`],
  task: { validation: [`exact:${demo}/task_valid.jsonl`], test: [`exact:${demo}/task_test.jsonl`] },
  decoding: { maxNewTokens: 20 },
  limit: 12,
  select: { rule: "constrained", margin: 0.5, by: "point" },
  proxy: { rows: 4, tokens: 4 },
};
/** Its first, third and last merge are too few for a rank correlation, so that all are asked. */
const screening: Experiment = {
  ...experiment,
  select: { rule: "constrained", margin: 0.5 },
  proxy: { rows: 4, tokens: 4, screen: true },
};
const out = join(folder, "out");
const textOf = (of: string) => readFileSync(join(of, "results.json"), "utf8");

it("reads proxies of all merges before it asks them, and screens nothing by a few", { timeout: 120_000 }, async () => {
  const small = { lambda: [0.5, 1], limit: 4, decoding: { maxNewTokens: 8 } };
  const steps: string[] = [];
  const place = join(folder, "small");
  const { proxies } = await run({ ...screening, ...small, proxy: { rows: 2, tokens: 2, screen: true } }, place, {
    onStep: (step) => steps.push(step),
  });
  const order = [
    "fine-tuned seed 42, validation",
    "proxies of linear",
    "linear seed 42, sample",
    "linear seed 42, others",
  ];
  const places = order.map((name) => steps.findIndex((step) => step.startsWith(name)));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);
  const { screening: found, items, candidates = [] } = proxies ?? {};
  expect(items).toMatchObject({ refusal: 2, taskLoss: 2 });
  expect(candidates.map(({ lambda }) => lambda)).toEqual([0.5, 1]);
  expect(candidates[1]?.taskLoss?.value).toBeLessThan(candidates[0]?.taskLoss?.value as number);
  expect(found).toMatchObject({ sample: ["linear at lambda 0.5"], screened: [] });
  const markdown = readFileSync(join(place, "report.md"), "utf8");
  for (const sentence of [found?.sentence ?? "", ...(proxies?.sentences ?? [])])
    expect(markdown).toContain(escaped(sentence));
});

it.runIf(long)("says how proxies of five merges rank them", { timeout: 300_000 }, async () => {
  const steps: string[] = [];
  const { proxies, validation } = await run(screening, out, { onStep: (step) => steps.push(step) });
  const at = steps.indexOf("proxies of linear seed 42");
  expect(at).toBeGreaterThan(steps.indexOf("fine-tuned seed 42, validation"));
  expect(at).toBeLessThan(steps.indexOf("linear seed 42, sample"));
  expect(steps.indexOf("linear seed 42, sample")).toBeLessThan(steps.indexOf("linear seed 42, others"));
  const { screening: found } = proxies ?? {};
  expect(found?.sample).toEqual([0, 0.4, 1].map((lambda) => `linear at lambda ${lambda}`));
  expect(found?.sentence).toBe(
    "Nothing was screened out by proxies: 3 of 5 merges were asked before anything was screened, and the lower end of the rank correlation of refusals with their answers is not known; it takes 0.70.",
  );

  expect(proxies?.items).toEqual({ refusal: 4, benignDivergence: 4, taskLoss: 4 });
  const [aligned, ...merges] = proxies?.candidates ?? [];
  expect(aligned?.benignDivergence?.value).toBeCloseTo(0, 4);
  expect(merges.map(({ lambda }) => lambda)).toEqual([0.2, 0.4, 0.6, 1]);
  expect(merges.at(-1)?.taskLoss?.value).toBeLessThan(aligned?.taskLoss?.value as number);
  const [, loss] = proxies?.agreement ?? [];
  expect(proxies?.agreement.map((one) => [one.proxy, one.metric, one.candidates])).toEqual([
    ["refusal", "asr", 5],
    ["taskLoss", "score", 5],
    ["benignDivergence", "overRefusal", 5],
  ]);
  // here the loss falls along lambda, so that it ranks by the score as lambda does
  const order = (values: readonly number[]) => [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const losses = order((proxies?.candidates ?? []).map((one) => -(one.taskLoss?.value ?? 0)));
  expect(losses).toEqual(order(validation.candidates.map(({ lambda = 0 }) => lambda)));
  expect(loss?.value).toBeGreaterThan(0);
  expect(loss?.lambdaAlone).toBeCloseTo(loss?.value as number, 12);
  expect(loss?.low).toBeLessThanOrEqual(loss?.value as number);

  const markdown = readFileSync(join(out, "report.md"), "utf8");
  for (const sentence of proxies?.sentences ?? []) expect(markdown).toContain(escaped(sentence));
  expect(readFileSync(join(out, "report.html"), "utf8")).toContain("Do cheap signals rank merges as their answers do?");
});

it.runIf(long)(
  "reads once what it needs: after a stop, of one lambda more that alone, and to the same results",
  { timeout: 600_000 },
  async () => {
    const stopped = join(folder, "stopped");
    const planned = async () =>
      (await planRun(screening, stopped)).steps.find(({ step }) => step === "proxies of 5 merges");
    const before = await planned();
    expect([before?.done, before?.total, before?.tokens]).toEqual([0, 5, 0]);
    expect(before?.seconds).toBeGreaterThan(0);
    const stop = new AbortController();
    const onStep = (step: string) => {
      if (step === "linear seed 42, sample") stop.abort();
    };
    await expect(run(screening, stopped, { onStep, signal: stop.signal })).rejects.toThrow();
    const halfway = await planned();
    expect([halfway?.done, halfway?.seconds]).toEqual([5, 0]);
    const again: string[] = [];
    await run(screening, stopped, { onStep: (step) => again.push(step) });
    expect(again.some((step) => step.startsWith("proxies"))).toBe(false);
    expect(textOf(stopped) === textOf(out), "the same results").toBe(true);

    const read = () => readdirSync(join(stopped, "steps")).filter((name) => name.startsWith("proxy-")).length;
    expect(read()).toBe(5);
    const more = { ...experiment, lambda: [0, 0.2, 0.4, 0.6, 0.8, 1], adaptive: true };
    const { proxies, validation } = await run(more, stopped);
    expect(read()).toBe(6);
    expect(proxies?.candidates).toHaveLength(6);
    // merges that were left on the way are in no correlation
    const finished = validation.candidates.filter(({ unfinished }) => !unfinished).length;
    for (const one of proxies?.agreement ?? []) expect(one.candidates).toBeLessThanOrEqual(finished);
    const anew = join(folder, "anew");
    await run(more, anew);
    expect(textOf(anew) === textOf(stopped), "the same results").toBe(true);
  },
);

it.runIf(long)(
  "asks what proxies do not rank clearly worse, and chooses as a run of all",
  { timeout: 600_000 },
  async () => {
    const place = join(folder, "screened");
    const lambda = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
    const select = { rule: "constrained", margin: 0.2 } as const;
    const proxy = { rows: 32, tokens: 8 };
    const few = await planRun({ ...screening, lambda: [0.2, 0.4], limit: 4 }, place);
    expect(few.notes.join()).toContain(
      "nothing can be left out, since 1 of 2 merges are asked first, and 5 are the least",
    );
    const more: Experiment = { ...experiment, lambda, limit: 100, select, proxy: { ...proxy, screen: true } };
    expect((await planRun(more, place)).notes.join()).toContain("proxy.screen: at most 5 of 11 merges are left out");
    const steps: string[] = [];
    const { proxies, validation, selection, confirmation } = await run(more, place, {
      onStep: (step) => steps.push(step),
    });
    expect(proxies?.screening?.screened).toEqual([
      { name: "linear at lambda 0.7", why: "unsafe" },
      { name: "linear at lambda 0.9", why: "series" },
    ]);
    const left = validation.candidates.filter(({ unfinished }) => unfinished === "screened");
    expect(left.map((one) => [one.lambda, one.asr.value])).toEqual([
      [0.7, Number.NaN],
      [0.9, Number.NaN],
    ]);
    expect(steps.some((step) => step.includes("others lambda 0.5"))).toBe(true);
    expect(steps.some((step) => step.includes("others lambda 0.7"))).toBe(false);
    expect(confirmation).toBeDefined();
    const markdown = readFileSync(join(place, "report.md"), "utf8");
    expect(markdown).toContain("screened out by proxies, not measured");
    expect(markdown).toContain(escaped(proxies?.screening?.sentence ?? ""));
    const whole = await run({ ...more, proxy }, place);
    expect(whole.selection.overall.candidate?.lambda).toBe(selection.overall.candidate?.lambda);
  },
);

it("says with what screening does not go together", async () => {
  const wrong = { ...screening, adaptive: true, besideLinear: true, select: { rule: "score" } } as const;
  const said = run(wrong, join(folder, "wrong")).catch(({ message }: Error) => message);
  expect(await said).toMatch(/adaptive a part of the items/);
  expect(await said).toMatch(/this rule goes by none/);
});

it("is refused with a server", async () => {
  const engine = { endpoint: { url: "http://127.0.0.1:9/v1" } };
  await expect(run({ ...experiment, engine }, join(folder, "served"))).rejects.toThrow(/leave proxy out/);
});

describe("what a correlation of proxies is said to be", () => {
  const labels = { score: "exact match", asr: "refusals lost" };
  const of = { proxy: "refusal", metric: "asr" } as const;

  it("is that few merges are too few, and that there may be no order", () => {
    expect(proxySentence({ ...of, candidates: 4 }, labels)).toBe(
      "The log-odds of refusals: 4 merges are too few for a rank correlation with refusals lost; 5 are the least.",
    );
    expect(proxySentence({ ...of, candidates: 9 }, labels)).toMatch(/does not differ between the 9 merges/);
  });

  it("has the interval, each tuning's own, and lambda's", () => {
    const seeds = [
      { seed: "42", value: 0.9 },
      { seed: "7", value: 1 },
    ];
    const found = { ...of, candidates: 9, value: 0.95, low: 0.8, high: 1, seeds, lambdaAlone: 0.9 };
    expect(proxySentence(found, labels)).toBe(
      "The log-odds of refusals and refusals lost of 9 merges have a rank correlation of 0.95 (0.80 to 1.00: these merges, other items); 0.90 of seed 42, 1.00 of seed 7; lambda alone has 0.90.",
    );
  });
});
