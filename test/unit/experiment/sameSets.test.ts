// When two sets of an experiment are one, so that it is asked once.

import { describe, expect, it } from "vitest";
import type { Item, Task } from "../../../lib/evaluate/types.js";
import { isSame } from "../../../lib/experiment/checks/arrangeSkills.js";

const task = (more: Partial<Item>): Task => ({
  ...{ name: "sums", kind: "task", data: [], warnings: [], ask: "likelihood", decoding: {}, scorers: [], metrics: [] },
  items: [{ id: "0", prompt: "What is more?", request: "What is more?", ...more }],
});

describe("two sets", () => {
  it("are one where the same is asked, and not where other choices or endings stand behind the same prompts", () => {
    const choices = ["one", "two"];
    expect(isSame(task({ choices }), task({ choices: [...choices] }))).toBe(true);
    expect(isSame(task({ choices }), task({ choices: ["two", "three"] }))).toBe(false);
    const ending = (text: string) => task({ continuations: [{ context: "What is more?", text }] });
    expect(isSame(ending(" one"), ending(" one"))).toBe(true);
    expect(isSame(ending(" one"), ending(" two"))).toBe(false);
  });
});
