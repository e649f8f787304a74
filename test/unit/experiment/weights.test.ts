// What weights of a model or a judge make of its answers and verdicts: others, which are kept apart.

import { describe, expect, it } from "vitest";
import { mergeSeries } from "../../../lib/experiment/candidates/merges.js";
import { openJudges } from "../../../lib/experiment/checks/judges.js";
import { asDigest } from "../../../lib/experiment/digests/digestOf.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import { Problems } from "../../../lib/experiment/settings/problems.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { seriesSubjects } from "../../../lib/experiment/steps/seriesMeasurement.js";
import { type Answering, answerersOf, type Subject } from "../../../lib/experiment/steps/subjects.js";
import { scorerDigestWith } from "../../../lib/experiment/store/store.js";
import { dataOf, validationData } from "../../../lib/report/dataNames.js";
import type { Measured } from "../../../lib/report/types.js";

const answering: Answering = {
  ...{ engine: "native", precision: undefined, cache: undefined, fidelity: undefined, url: undefined },
  byDigest: (value) => value,
};
const digestsOf = (subject: Subject, how: Partial<Answering> = {}) =>
  answerersOf(subject, { ...answering, ...how }).map(({ digest }) => digest);

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
      ...[folder, { ...folder, weights: "q8_0" as const }, { ...folder, weights: "asStored" as const }].flatMap((one) =>
        digestsOf(one),
      ),
      ...[merge, { ...merge, weights: "q8_0" as const }].flatMap((one) => digestsOf(one)),
      ...digestsOf({ ...merge, form: { format: "gguf", quantise: "q8_0" } }),
    ];
    expect(new Set(all).size).toBe(9);
    // those of before are what they were
    expect(digestsOf({ ...folder, weights: undefined })).toEqual(digestsOf(folder));
  });

  it("are kept by the form of keys and values, where it is another than the precision's", () => {
    const folder: Subject = { kind: "folder", folder: "m", digest: asDigest("model", "0") };
    const caches = [undefined, "int8", "bfloat16"] as const;
    expect(new Set(caches.flatMap((cache) => digestsOf(folder, { cache }))).size).toBe(3);
    expect(digestsOf(folder, { cache: "float32" })).toEqual(digestsOf(folder));
    expect(digestsOf(folder, { precision: "bfloat16", cache: "bfloat16" })).toEqual(
      digestsOf(folder, { precision: "bfloat16" }),
    );
  });
});

const experiment = (judge: NonNullable<Experiment["safety"]["judges"]>[number]): Experiment => ({
  ...{ aligned: "demo/model", tuned: [{ seed: 1, adapter: "demo/adapters/seed-42" }], methods: ["linear"] },
  safety: { sets: ["safety:demo/unsafe.jsonl"], judges: [judge] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
});

describe("judges", () => {
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

it("are refused, also of a judge, with an engine that does not multiply blocks", async () => {
  const settings = { ...experiment({ judge: "wildguard:demo/model", weights: "q8_0" }), ship: ["gguf:q8_0" as const] };
  const engine = { engine: "reference", weights: "asStored" } as const;
  const wrong = /the engine reference does not multiply weights in blocks/;
  await expect(loadExperiment({ ...settings, engine })).rejects.toThrow(wrong);
  await expect(loadExperiment({ ...settings, engine: { engine: "reference" } })).rejects.toThrow(wrong);
  await expect(loadExperiment({ ...settings, engine: { weights: "asStored" } })).resolves.toBeDefined();
});

it.each([
  [{ engine: "reference", cache: "int8" } as const, /the engine reference keeps keys and values as precision has them/],
  [{ cache: "int8", endpoint: { url: "http://localhost:1/v1" } } as const, /an endpoint has a cache of its own/],
])("engine.cache is refused where it is not ours to say: %j", async (engine, wrong) => {
  await expect(loadExperiment({ ...experiment("keyword"), engine })).rejects.toThrow(wrong);
});

describe("the merges of a series", () => {
  it.each([
    ["q4_k_m", "q4_k_m"],
    ["asStored", undefined],
    [undefined, undefined],
  ] as const)("are put into blocks where items choose as engine.weights says: %s, so %s", async (weights, wanted) => {
    const rows = "demo/task_valid.jsonl";
    const settings = await loadExperiment({
      ...experiment("keyword"),
      methods: ["linear", { method: "safe_delta", parameters: { rows }, vary: { s: [0.1, 1] } }],
      engine: { weights },
      ship: ["gguf:q4_k_m"],
    });
    const [linear, varied] = mergeSeries(settings, [{ seed: "1", model: "F" }]).map((series) =>
      series.merges.flatMap((merge) => seriesSubjects(series, merge, settings)),
    );
    expect(linear?.map((one) => [one.lambdas, one.weights])).toEqual([[[0.2, 0.4, 0.6, 0.8], wanted]]);
    // inputs are made for each value, so that each is opened alone
    expect(varied?.map((one) => one.weights)).toEqual([wanted, wanted]);
  });
});

it("of the models that chose are named with their data", () => {
  const known = { validation: { aligned: { weights: "q8_0" } as Measured } };
  expect(validationData(known)).toBe("validation data, weights in q8_0");
  expect(dataOf(known, "validation")).toBe("Data that chose, weights in q8_0");
  expect(dataOf(known, "test")).toBe("Test data");
});
