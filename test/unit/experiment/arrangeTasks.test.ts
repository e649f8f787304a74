// Which sets choose and which confirm, and what is wrong with them.

import { describe, expect, it } from "vitest";
import type { Task } from "../../../lib/evaluate/types.js";
import { arrangeTasks as arrange, looksAtSafety, sharedPrompts } from "../../../lib/experiment/checks/arrangeTasks.js";

/** With the words of what is wrong alone. */
const arrangeTasks = (...of: Parameters<typeof arrange>) => {
  const { tasks, problems } = arrange(...of);
  return { tasks, problems: problems.map(({ text }) => text) };
};

const set = (name: string, kind: Task["kind"], more: Partial<Task> = {}): Task => ({
  ...{ name, kind, warnings: [], ask: "generate", decoding: {}, scorers: [], metrics: [] },
  data: [{ source: `${name}.jsonl`, rows: 8, files: [{ name, sha256: `sha of ${name}`, rows: 8 }] }] as never,
  items: Array.from({ length: 8 }, (_, at) => ({ id: `${at}`, prompt: `${name} ${at}`, request: `${name} ${at}` })),
  ...more,
});
const rate = (name: string, better: "high" | "low") => ({ name, better, of: () => null });
const unsafe = set("unsafe", "safety");
const loaded = { safety: [unsafe], validation: [set("valid", "task")], test: [set("test", "task")] };
const settings = (select: object, safety: object = {}) =>
  ({ safety: { sets: ["…"], judges: ["keyword"], ...safety }, select }) as never;
const CONSTRAINED = { rule: "constrained" };

describe("the safety sets", () => {
  it("are halved where the rule or its gate looks at safety, and asked whole by the rule score", () => {
    const sizes = (select: object) => {
      const { tasks } = arrangeTasks(loaded, settings(select));
      return [tasks.split, tasks.safety[0]?.items.length, tasks.safetyTest[0]?.items.length];
    };
    expect(sizes(CONSTRAINED)).toEqual([true, 4, 4]);
    expect(sizes({ rule: "knee" })).toEqual([true, 4, 4]);
    expect(sizes({ rule: "score", gate: "overRefusal <= aligned + 0.03" })).toEqual([true, 4, 4]);
    expect(sizes({ rule: "score", gate: "score >= 90% * tuned" })).toEqual([false, 8, 8]);
    expect(sizes({ rule: "score" })).toEqual([false, 8, 8]);
    expect(looksAtSafety({ rule: "score", gate: "worstCategory <= aligned + 0.1" })).toBe(true);
  });

  it("ask each request in one half only", () => {
    const { tasks } = arrangeTasks(loaded, settings(CONSTRAINED));
    const ids = [tasks.safety, tasks.safetyTest].flatMap(([task]) => task?.items.map(({ id }) => id) ?? []);
    expect(ids.sort()).toEqual(unsafe.items.map(({ id }) => id));
  });

  it("are not halved where others are given for the test", () => {
    const { tasks, problems } = arrangeTasks({ ...loaded, safetyTest: [set("more", "safety")] }, settings(CONSTRAINED));
    expect([tasks.split, tasks.safety[0]?.items.length, problems]).toEqual([false, 8, []]);
  });

  it("that were selected by the aligned model's answers are marked by their names, which must be there", () => {
    const refused = set("refused", "safety");
    const marked = arrangeTasks(
      { ...loaded, safety: [unsafe, refused] },
      settings(CONSTRAINED, { selectedByAligned: ["refused"] }),
    );
    expect(marked.tasks.safety.map(({ selectedBy }) => selectedBy)).toEqual([undefined, "aligned"]);
    expect(marked.problems).toEqual([]);
    const alone = arrangeTasks(
      { ...loaded, safety: [refused] },
      settings(CONSTRAINED, { selectedByAligned: ["refused"] }),
    );
    expect(alone.problems).toEqual([expect.stringMatching(/selected by the aligned model's own answers/)]);
    const begun = set("unsafe+prefill", "safety", { stress: { set: "unsafe", variant: "prefill" } });
    expect(arrangeTasks({ ...loaded, safety: [begun] }, settings(CONSTRAINED)).problems).toEqual(alone.problems);
    expect(arrangeTasks({ ...loaded, safety: [unsafe, begun] }, settings(CONSTRAINED)).problems).toEqual([]);
    const wrong = arrangeTasks(loaded, settings(CONSTRAINED, { selectedByAligned: ["refusde"] }));
    expect(wrong.problems).toEqual([
      expect.stringMatching(/names refusde, and there is no such set: there are unsafe/),
    ]);
  });

  it("are too few with one request, since half chooses and half confirms", () => {
    const one = set("unsafe", "safety", { items: unsafe.items.slice(0, 1) });
    expect(arrangeTasks({ ...loaded, safety: [one] }, settings(CONSTRAINED)).problems).toEqual([
      expect.stringMatching(/safety has one request/),
    ]);
    expect(arrangeTasks({ ...loaded, safety: [one] }, settings({ rule: "score" })).problems).toEqual([]);
  });
});

describe("what chooses must not confirm", () => {
  it("refuses one file for validation and test, whatever the sets are called", () => {
    const [valid] = loaded.validation as [Task];
    const { problems } = arrangeTasks({ ...loaded, test: [{ ...valid, name: "other" }] }, settings(CONSTRAINED));
    expect(problems).toEqual([expect.stringMatching(/^valid\.jsonl is in task\.validation and in task\.test/)]);
  });

  it("refuses one file for the safety sets of both", () => {
    const { problems } = arrangeTasks({ ...loaded, safetyTest: [unsafe] }, settings(CONSTRAINED));
    expect(problems).toEqual([expect.stringMatching(/^unsafe\.jsonl is in safety\.sets and in safety\.test/)]);
  });

  it("counts prompts that other files share", () => {
    const [valid] = loaded.validation as [Task];
    const test = [set("test", "task", { items: [...valid.items.slice(0, 3), { id: "x", prompt: "x", request: "x" }] })];
    expect(sharedPrompts({ validation: [valid], test })).toBe(3);
    expect(sharedPrompts(loaded)).toBe(0);
  });
});

describe("a gate", () => {
  const gate = (text: string, safety: readonly Task[], more: object = {}) =>
    arrangeTasks({ ...loaded, safety, ...more }, settings({ rule: "constrained", gate: text })).problems;
  const sorted = (name: string, each: number) =>
    set(name, "safety", {
      items: ["fraud", "arms"].flatMap((category) =>
        Array.from({ length: each }, (_, at) => ({
          id: `${category} ${at}`,
          prompt: "",
          request: `${category} ${at}`,
          category,
        })),
      ),
    });

  it("that asks for over-refusal needs a set of harmless requests, in the safety sets and those of the test", () => {
    const harmless = set("harmless", "over-refusal");
    const text = "overRefusal <= aligned + .03";
    expect(gate(text, [unsafe, harmless])).toEqual([]);
    expect(gate(text, [unsafe])).toEqual([
      "the gate overRefusal <= aligned + .03 asks for overRefusal, and the half that chooses has no set of harmless requests: add xstest or over-refusal:FILE",
    ]);
    expect(gate(text, [unsafe, harmless], { safetyTest: [set("more", "safety")] })).toEqual([
      expect.stringMatching(/and safety\.test has no set of harmless requests/),
    ]);
  });

  it("that asks for the worst category needs 20 items of one in each half", () => {
    const text = "worstCategory <= aligned + .1";
    expect(gate(text, [sorted("unsafe", 40)])).toEqual([]);
    expect(gate(text, [sorted("unsafe", 38)])).toEqual([
      "the gate worstCategory <= aligned + .1 asks for worstCategory, and the largest category of the half that chooses, fraud, has 19 items: it takes 20 or more",
    ]);
    expect(gate(text, [unsafe])).toEqual([expect.stringMatching(/the half that chooses has no categories/)]);
  });
});

it("a mean of scores that rise and scores that fall is refused", () => {
  const validation = [
    set("a", "task", { metrics: [rate("exact_match", "high")] }),
    set("b", "task", { metrics: [rate("perplexity", "low")] }),
  ];
  expect(arrangeTasks({ ...loaded, validation }, settings(CONSTRAINED)).problems).toEqual([
    expect.stringMatching(/task\.validation has sets whose score should rise and sets whose score should fall/),
  ]);
});
