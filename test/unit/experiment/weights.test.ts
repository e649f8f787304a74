// What weights of a model or a judge make of its answers and verdicts: others, which are kept apart.

import { describe, expect, it } from "vitest";
import { openJudges } from "../../../lib/experiment/checks/judges.js";
import { asDigest } from "../../../lib/experiment/digests/digestOf.js";
import { screeningOf } from "../../../lib/experiment/settings/engineOf.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import { Problems } from "../../../lib/experiment/settings/problems.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { type Answering, answerersOf, type Subject } from "../../../lib/experiment/steps/subjects.js";
import { scorerDigestWith } from "../../../lib/experiment/store/store.js";

const answering: Answering = {
  ...{ engine: "native", precision: undefined, fidelity: undefined, url: undefined },
  byDigest: (value) => value,
};
const digestsOf = (subject: Subject) => answerersOf(subject, answering).map(({ digest }) => digest);

describe("answers", () => {
  it("are kept by the weights of a model, and by the form in which it is written to be asked", () => {
    const folder: Subject = { kind: "folder", folder: "m", digest: asDigest("model", "0") };
    const merge: Subject = {
      kind: "merge",
      recipe: { merge_method: "linear" } as never,
      maskSeed: 0,
      lambdas: [0.2, 0.4],
    };
    const all = [
      ...[folder, { ...folder, weights: "q8_0" as const }, { ...folder, weights: "asStored" as const }].flatMap(
        digestsOf,
      ),
      ...[merge, { ...merge, weights: "q8_0" as const }].flatMap(digestsOf),
      ...digestsOf({ ...merge, form: { format: "gguf", quantise: "q8_0" } }),
    ];
    expect(new Set(all).size).toBe(9);
    // those of before are what they were
    expect(digestsOf({ ...folder, weights: undefined })).toEqual(digestsOf(folder));
  });
});

describe("judges", () => {
  const experiment = (judge: NonNullable<Experiment["safety"]["judges"]>[number]): Experiment => ({
    ...{ aligned: "demo/model", tuned: [{ seed: 1, adapter: "demo/adapters/seed-42" }], methods: ["linear"] },
    safety: { sets: ["safety:demo/unsafe.jsonl"], judges: [judge] },
    task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  });
  const open = async (judge: Parameters<typeof experiment>[0], engine?: Experiment["engine"]) => {
    const problems = new Problems();
    const opened = await openJudges(await loadExperiment({ ...experiment(judge), engine }), problems);
    return { judge: opened?.judges[0], problems };
  };

  it("have weights of their own, by which their verdicts are kept, whatever the models' are", async () => {
    const words = "wildguard:demo/model";
    const plain = await open({ judge: words }, { weights: "q8_0" });
    const [low, other] = [
      await open({ judge: words, weights: "q8_0" }),
      await open({ wildguard: "demo/model", weights: "q4_k_m" }),
    ];
    expect(plain.judge?.facts).not.toHaveProperty("weights");
    const digest = scorerDigestWith((value) => value);
    const digests = [plain, low, other].map(({ judge }) => judge && digest(judge));
    expect(new Set(digests).size).toBe(3);
    expect(digests).not.toContain(undefined);
  });

  it("are refused before the start where their stored blocks are asked for, and they have none", async () => {
    const { judge, problems } = await open({ judge: "wildguard:demo/model", weights: "asStored" });
    expect(judge).toBeUndefined();
    expect(() => problems.throwIfAny()).toThrow(
      /weights: asStored is of GGUF files, and the judge .*demo\/model is none/,
    );
  });
});

it("screens in blocks alone: asStored changes nothing where items choose", () => {
  expect([undefined, "asStored", "q4_k_m"].map((weights) => screeningOf({ engine: { weights } as never }))).toEqual([
    {},
    {},
    { weights: "q4_k_m" },
  ]);
});
