// Values that a virtual merge was not opened with: any lambda, and any weights of its models, each as if it stood alone.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { merge } from "../../../lib/merge/merge.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { largestDifference, logitsOf, opened } from "../../golden/generate/variants.js";
import { casesOf } from "../../long.js";

const models = join(import.meta.dirname, "..", "..", "golden", "merge", "models");
const [base, tuned, other] = ["base", "ft1", "ft2"].map((name) => join(models, name)) as [string, string, string];
const place = mkdtempSync(join(tmpdir(), "retemper-any-weights-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const inputs = [
  [1, 2, 3, 4],
  [7, 5],
];

function recipeOf(method: string, dtype: string, parameters: object = {}): Recipe {
  const pair = { models: [{ model: base }, { model: tuned }] };
  const added = { base_model: base, models: [{ model: tuned }] };
  const sources =
    method === "slerp" ? { ...pair, base_model: base } : ["linear", "nuslerp"].includes(method) ? pair : added;
  return {
    merge_method: method,
    ...sources,
    dtype,
    ...(Object.keys(parameters).length > 0 && { parameters }),
  } as Recipe;
}

async function all<T>(answers: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const answer of answers) found.push(answer);
  return found;
}

const likeliest = (row: Float32Array) => row.indexOf(Math.max(...row));

let written = 0;
/** Logits of a merge that was written. */
async function writtenLogits(recipe: Recipe, lambda?: number): Promise<Float32Array[]> {
  const folder = join(place, `written-${written++}`);
  await merge(recipe, folder, { ...(lambda !== undefined && { lambda }), force: true });
  const logits = await logitsOf(folder, {}, inputs);
  rmSync(folder, { recursive: true });
  return logits;
}

type Case = readonly [string, object];
const METHODS: readonly Case[] = [
  ["linear", {}],
  ["slerp", {}],
  ["nuslerp", {}],
  ["task_arithmetic", {}],
  ["ties", { density: 0.5 }],
  ["dare_ties", { density: 0.5 }],
  ["della", { density: 0.6, epsilon: 0.2 }],
  ["breadcrumbs", { density: 0.7, gamma: 0.05 }],
];
const few = casesOf(METHODS, [
  ["linear", {}],
  ["slerp", {}],
  ["task_arithmetic", {}],
  ["ties", { density: 0.5 }],
]);

describe("lambdas that a model was not opened with", () => {
  it.each(few)("are exact in every bit with %s, whatever it was opened with", async (method, parameters) => {
    const recipe = recipeOf(method, "bfloat16", parameters);
    const expected = await writtenLogits(recipe, 0.37);
    for (const lambdas of [[0], [1], [0.2, 0.8]]) {
      await opened(recipe, { lambdas, fidelity: "exact" }, async (model) => {
        const before = await model.logits(inputs, { lambda: lambdas[0] });
        expect(await model.logits(inputs, { lambda: 0.37 })).toEqual(expected);
        expect(await model.logits(inputs, { lambda: lambdas[0] })).toEqual(before);
      });
    }
  });

  it.each(few)("are those of the float32 merge with %s where products are summed", async (method, parameters) => {
    const recipe = recipeOf(method, "float32", parameters);
    const expected = await writtenLogits(recipe, 0.37);
    for (const lambdas of [[0], [1], [0.2, 0.8]]) {
      await opened(recipe, { lambdas, fidelity: "linear" }, async (model) => {
        expect(largestDifference(await model.logits(inputs, { lambda: 0.37 }), expected)).toBeLessThan(2e-4);
      });
    }
  });

  it("are taken beside weights that are held, and by a recipe that was opened as it is", async () => {
    const recipe = recipeOf("linear", "bfloat16");
    const expected = await writtenLogits(recipe, 0.37);
    await opened(recipe, { lambdas: [0.2], hold: true, fidelity: "exact" }, async (model) => {
      expect(await model.logits(inputs, { lambda: 0.37 })).toEqual(expected);
    });
    const weighed = { ...recipe, models: [base, tuned].map((model) => ({ model, parameters: { weight: 0.5 } })) };
    await opened(weighed as Recipe, { fidelity: "exact" }, async (model) => {
      const own = await model.logits(inputs);
      expect(await model.logits(inputs, { lambda: 0.37 })).toEqual(expected);
      expect(await model.logits(inputs, { lambda: 0.5 })).toEqual(own);
      expect(model.facts).toMatchObject({ lambdaRange: [0, 1], weightNames: ["base", "ft1"] });
    });
  });

  it("say their range, which reaches as far as those that were named", async () => {
    await opened(recipeOf("task_arithmetic", "float32"), { lambdas: [0.5, 1.5] }, async (model) => {
      expect(model.facts.lambdaRange).toEqual([0, 1.5]);
      await model.logits([[1]], { lambda: 1.25 });
      for (const lambda of [-0.1, 1.6, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(model.logits([[1]], { lambda })).rejects.toMatchObject({
          code: "USAGE",
          message: expect.stringContaining("from 0 to 1.5"),
        });
      }
      const asked = model.generate([[1]], { lambda: [0.5, 1.6] });
      await expect(asked[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "USAGE" });
    });
  });
});

describe("a model that was opened with one lambda", () => {
  const lambdas = Array.from({ length: 64 }, (_, at) => (at + 1) / 65);
  const places = lambdas.map((_, at) => at);
  const compared = casesOf(
    places,
    places.filter((at) => at % 5 === 0),
  );
  const prompts = Array.from({ length: 64 }, (_, at) => [1 + (at % 7), 2 + (at % 5), 3]);

  it.each([
    ["exact", "bfloat16"],
    ["linear", "float32"],
  ] as const)("answers 64 calls of 64 lambdas at once as 64 written merges do: %s", async (fidelity, dtype) => {
    const recipe = recipeOf("task_arithmetic", dtype);
    const found = await opened(recipe, { lambdas: [0.5], fidelity }, (model) =>
      Promise.all(
        lambdas.map(async (lambda, at) => {
          const [[answer], logits] = await Promise.all([
            all(model.generate([prompts[at] as number[]], { maxNewTokens: 6, lambda })),
            model.logits(inputs, { lambda }),
          ]);
          return { lambda: answer?.lambda, logits, ids: answer?.ids as number[] };
        }),
      ),
    );
    expect(found.map(({ lambda }) => lambda)).toEqual(lambdas);
    for (const [at, { logits, ids }] of found.entries()) {
      if (!compared.includes(at)) continue;
      const prompt = prompts[at] as number[];
      const folder = join(place, "one");
      await merge(recipe, folder, { lambda: lambdas[at], force: true });
      const [last, ...own] = (await logitsOf(folder, {}, [[...prompt, ...ids], ...inputs])) as [Float32Array];
      const width = last.length / (prompt.length + ids.length);
      const greedy = ids.map((_, i) => likeliest(last.subarray((prompt.length + i - 1) * width).subarray(0, width)));
      if (fidelity === "exact") expect({ logits, ids }).toEqual({ logits: own, ids: greedy });
      else expect(largestDifference(logits, own)).toBeLessThan(2e-4);
    }
  });
});

describe("places", () => {
  it("are used again, and what was kept of the value before is forgotten", async () => {
    const prompt = Array.from({ length: 40 }, (_, at) => 1 + (at % 50)); // long enough to be kept for others
    await opened(recipeOf("task_arithmetic", "float32"), { lambdas: [0.5] }, async (model) => {
      const tokens = async (lambda: number) => {
        const [answer] = await all(model.generate([prompt], { lambda, maxNewTokens: 4, logprobs: true }));
        return answer?.logprobs;
      };
      const lambdas = Array.from({ length: 90 }, (_, at) => (at + 1) / 91);
      const first = [];
      for (const lambda of lambdas) first.push(await tokens(lambda));
      const again = [];
      for (const lambda of lambdas) again.push(await tokens(lambda));
      expect(again).toEqual(first);
      expect(new Set(first.map(String)).size).toBe(lambdas.length);
    });
  });
});

describe("an adapter on its base", () => {
  const demo = join(import.meta.dirname, "../../../demo");
  const model = join(demo, "model");
  const source = (method: string): Recipe =>
    ({
      merge_method: method,
      ...(method !== "linear" && { base_model: model }),
      models: [...(method === "linear" ? [{ model }] : []), { model: `${model}+${join(demo, "adapters/seed-42")}` }],
    }) as Recipe;
  const opening = casesOf([{ lambdas: [0] }, { lambdas: [1] }, { lambdas: [0.2, 0.8] }], [{ lambdas: [0] }]);
  const logitsOfOne = (options: ModelOptions, method = "linear", lambda = 0.4) =>
    opened(source(method), options, (open) => open.logits(inputs, { lambda }));

  it.each(opening)("takes any lambda: opened with $lambdas", async (options) => {
    for (const fidelity of ["exact", "linear"] as const) {
      expect(await logitsOfOne({ ...options, fidelity })).toEqual(await logitsOfOne({ lambdas: [0.4], fidelity }));
    }
  });

  it.each(opening)("takes any lambda beside a base in blocks: opened with $lambdas", async (options) => {
    const expected = await logitsOfOne({ lambdas: [0.4], weights: "q8_0", fidelity: "linear" });
    await opened(source("linear"), { ...options, weights: "q8_0", fidelity: "linear" }, async (open) => {
      const before = await open.logits(inputs, { lambda: options.lambdas[0] });
      expect(await open.logits(inputs, { lambda: 0.4 })).toEqual(expected);
      expect(await open.logits(inputs, { lambda: options.lambdas[0] })).toEqual(before);
    });
  });

  it("takes no other lambda where results are put into blocks", async () => {
    await opened(source("linear"), { lambdas: [0.4, 0.6], weights: "q8_0", fidelity: "exact" }, async (open) => {
      expect(open.facts.lambdaRange).toBeUndefined();
      await expect(open.logits([[1]], { lambda: 0.5 })).rejects.toMatchObject({
        code: "USAGE",
        hint: "it has 0.4, 0.6",
      });
    });
    await opened(source("ties"), { lambdas: [0.4, 0.6], weights: "q8_0", fidelity: "linear" }, async (open) => {
      const before = await open.logits(inputs, { lambda: 0.4 });
      const asked = all(open.generate([[1]], { lambda: [0.4, 0.5] }));
      await expect(asked).rejects.toMatchObject({ code: "INCOMPATIBLE" });
      await expect(open.logits([[1]], { lambda: 0.5 })).rejects.toMatchObject({ code: "INCOMPATIBLE" });
      expect(await open.logits(inputs, { lambda: 0.4 })).toEqual(before);
    });
  });
});

describe("weights of several models", () => {
  const weighed = (one: number, two: number, dtype = "bfloat16"): Recipe =>
    ({
      merge_method: "task_arithmetic",
      base_model: base,
      models: [
        { model: tuned, parameters: { weight: one } },
        { model: other, parameters: { weight: two } },
      ],
      dtype,
    }) as Recipe;

  it("are taken by name, in one batch, and told with the answers", async () => {
    const expected = await writtenLogits(weighed(0.3, 0.2));
    const alone = await writtenLogits(weighed(0, 0.7));
    await opened(weighed(1, 1), { fidelity: "exact" }, async (model) => {
      expect(model.facts.weightNames).toEqual(["ft1", "ft2"]);
      expect(model.facts.lambdaRange).toBeUndefined();
      expect(await model.logits(inputs, { weights: { ft1: 0.3, ft2: 0.2 } })).toEqual(expected);
      const asked = inputs.map((ids) => ({ ids, from: 1 }));
      const scores = await model.continuations([
        ...asked.map((one) => ({ ...one, weights: { ft2: 0.2, ft1: 0.3 } })),
        ...asked.map((one) => ({ ...one, weights: { ft2: 0.7 } })),
      ]);
      const each = [
        ...(await model.logprobs(inputs, { weights: { ft1: 0.3, ft2: 0.2 } })),
        ...(await model.logprobs(inputs, { weights: { ft1: 0, ft2: 0.7 } })),
      ];
      expect(scores.map(({ logprobs }) => logprobs)).toEqual(each);
      expect(await model.logits(inputs, { weights: { ft2: 0.7 } })).toEqual(alone);
      const list = [{ ft1: 0.3 }, { ft2: 0.7 }];
      const same = [...list, { ft2: 0, ft1: 0.3 }];
      const answers = await all(model.generate([[1, 2]], { weights: same, maxNewTokens: 2 }));
      expect(answers).toHaveLength(2);
      expect(answers.map(({ weights }) => weights)).toEqual(expect.arrayContaining(list));
    });
  });

  it("are refused by names that are not there, where they are no numbers, and beside a lambda", async () => {
    await opened(weighed(1, 1), {}, async (model) => {
      const refused = (options: object) => expect(model.logits([[1]], options)).rejects;
      await refused({ weights: { ft3: 1 } }).toMatchObject({ code: "USAGE", hint: "it has ft1, ft2" });
      await refused({ weights: { ft1: Number.NaN } }).toMatchObject({ code: "USAGE" });
      await refused({ weights: { ft1: 1 }, lambda: 0.3 }).toMatchObject({ code: "USAGE" });
      await refused({ lambda: 0.3 }).toMatchObject({ code: "USAGE" });
    });
    await opened(base, {}, async (model) => {
      await expect(model.logits([[1]], { weights: { ft1: 1 } })).rejects.toMatchObject({ code: "USAGE" });
      await expect(model.logits([[1]], { lambda: 1 })).rejects.toMatchObject({ code: "USAGE" });
    });
  });
});
