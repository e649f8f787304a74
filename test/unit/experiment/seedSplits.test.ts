// One split of the data for each tuning: a seed's merges are asked the rows that its tuning did not learn.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Item, Task } from "../../../lib/evaluate/types.js";
import { itemsOfSeed, loadSplits } from "../../../lib/experiment/checks/seedSplits.js";
import { run } from "../../../lib/experiment/run.js";
import type { Quantity } from "../../../lib/select/types.js";
import { long } from "../../long.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-splits-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const item = (id: string, request: string): Item => ({ id, request, prompt: request, references: ["yes"] });
const task = (items: readonly Item[]): Task => ({
  ...{ name: "calls", kind: "task", data: [], warnings: [], ask: "generate", decoding: {}, scorers: [], metrics: [] },
  items,
});

describe("a split for each tuning", () => {
  const rows: Readonly<Record<string, readonly string[]>> = {
    "exact:42.jsonl": ["a", "b"],
    "exact:7.jsonl": ["b", "c", "c"],
  };
  const load = async (words: readonly string[]) =>
    words.map((word) => task((rows[word] ?? []).map((request, at) => item(String(at), request))));

  it("has the items of all seeds once, and each seed's own among them", async () => {
    const { tasks, splits } = await loadSplits(["exact:{seed}.jsonl"], ["42", "7"], load);
    expect(tasks.map(({ items }) => items.map(({ request }) => request))).toEqual([["a", "b", "c", "c"]]);
    const ids = tasks[0]?.items.map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    const of = (seed?: string) => itemsOfSeed(tasks, splits, seed)[0]?.items.map(({ request }) => request);
    expect([of("42"), of("7"), of("all"), of()]).toEqual([
      ["a", "b"],
      ["b", "c", "c"],
      ["a", "b", "c", "c"],
      ["a", "b", "c", "c"],
    ]);
  });

  it("is left out where no name has the placeholder", async () => {
    const { tasks, splits } = await loadSplits(["exact:42.jsonl"], ["42", "7"], load);
    expect([tasks[0]?.items.map(({ id }) => id), splits]).toEqual([["0", "1"], undefined]);
  });

  it.runIf(long)("asks each tuned model and merge the rows of its own split, and the aligned model all", async () => {
    const all = readFileSync("demo/task_valid.jsonl", "utf8").trimEnd().split("\n").slice(0, 5);
    writeFileSync(join(folder, "42.jsonl"), `${all.slice(0, 3).join("\n")}\n`);
    writeFileSync(join(folder, "1024.jsonl"), `${all.slice(2).join("\n")}\n`);
    const out = join(folder, "out");
    const { validation } = await run(
      {
        aligned: "demo/model",
        tuned: [42, 1024].map((seed) => ({ seed, adapter: `demo/adapters/seed-${seed}` })),
        methods: ["linear"],
        lambda: 0.5,
        safety: { sets: ["safety:demo/unsafe.jsonl"] },
        task: { validation: [`calls=exact:${folder}/{seed}.jsonl`], test: ["calls=exact:demo/task_test.jsonl"] },
        decoding: { maxNewTokens: 4 },
        limit: 4,
        select: { rule: "score" },
      },
      out,
    );
    const askedOf = ({ values = [] }: Quantity) =>
      values.map((row) => row.flatMap((value, place) => (value === null ? [] : [place])));
    const places = [
      [0, 1, 2],
      [2, 3, 4],
    ];
    expect(askedOf(validation.aligned.score)).toEqual([[0, 1, 2, 3, 4]]);
    expect(askedOf(validation.tuned.score)).toEqual(places);
    expect(validation.candidates.map(({ score }) => askedOf(score))).toEqual([places]);
  });
});
