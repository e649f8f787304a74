// What two experiments must have in common for their numbers to be pooled.

import { describe, expect, it } from "vitest";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import { agreementOf } from "../../../lib/study/results/agreementOf.js";

const provenance = { models: [] } as never;

async function agreement(change: object): Promise<Record<string, unknown>> {
  const settings = await loadExperiment({
    ...{
      aligned: "a",
      methods: ["linear"],
      tuned: [{ seed: 1, adapter: "c" }],
      safety: { sets: ["safety:x"], judges: ["keyword"] },
    },
    ...{ task: { validation: ["exact:a"], test: ["exact:b"] }, ...change },
  } as never);
  return agreementOf(settings, { provenance });
}

describe("the agreement of two experiments", () => {
  it("is not about what they write or ship", async () => {
    expect(await agreement({ ship: ["gguf:q8_0"] })).toEqual(await agreement({}));
  });

  it("tells tasks of lm-evaluation-harness apart, by name or by file, wherever the file is", async () => {
    const skills = async (...words: string[]) => (await agreement({ skills: words })).skills;
    expect(await skills("lm-eval:gsm8k", "x=lm-eval:bbh")).toEqual(["lm-eval:gsm8k", "x=lm-eval:bbh"]);
    expect(await skills("lm-eval:tasks/mine.yaml")).toEqual(["lm-eval:mine.yaml"]);
    expect(await skills("sums=exact:data/sums.jsonl")).toEqual(["sums=exact"]);
  });
});
