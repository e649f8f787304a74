// Variants of a virtual merge: recipes that differ in parameters alone, in one batch, each as if it stood alone.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { generateFile } from "../../../lib/generate/answers/generateFile.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { merge } from "../../../lib/merge/merge.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { opened } from "../../golden/generate/variants.js";
import { casesOf, long } from "../../long.js";

const models = join(import.meta.dirname, "..", "..", "golden", "merge", "models");
const [base, tuned, other] = ["base", "ft1", "ft2"].map((name) => join(models, name)) as [string, string, string];

/** Weights of the tuned model: a number, or mergekit's filters. */
function recipeOf(weight: unknown, more: object = {}): Recipe {
  const models = [{ model: tuned, parameters: { weight } }];
  return { merge_method: "task_arithmetic", base_model: base, models, dtype: "bfloat16", ...more } as Recipe;
}

const whole: Recipe = {
  merge_method: "task_arithmetic",
  base_model: base,
  models: [{ model: tuned }],
  dtype: "bfloat16",
};
const byLayer = [
  { filter: "layers.0.mlp.", value: 0.9 },
  { filter: "layers.0.", value: 0.1 },
  { filter: "layers.1.", value: 0.4 },
  { value: 0 },
];
const variants = [
  recipeOf(byLayer),
  recipeOf(0.5),
  recipeOf(0),
  recipeOf([{ filter: "mlp", value: 1 }, { value: 0.25 }]),
];
const inputs = [
  [1, 2, 3, 4],
  [7, 5],
];
const place = mkdtempSync(join(tmpdir(), "retemper-variants-test-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

describe("variants of a virtual merge", () => {
  it.each([
    ["lambdas beside them", { variants, lambdas: [0.3] }, /not both/],
    ["an empty list", { variants: [] }, /at least one/],
    ["another dtype", { variants: [recipeOf(0.5, { dtype: "float32" })] }, /variant 0 has another dtype/],
    ["another method", { variants: [recipeOf(0.5), recipeOf(0.5, { merge_method: "ties" })] }, /variant 1 .* method/],
    [
      "another model",
      { variants: [recipeOf(1, { models: [{ model: other, parameters: { weight: 1 } }] })] },
      /list of models/,
    ],
  ])("refuses %s", async (_, options, message) => {
    await expect(openModel(whole, options)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(message),
    });
  });

  it("refuses variants of a folder, and those without the weights that the method needs", async () => {
    await expect(openModel(base, { variants })).rejects.toMatchObject({ code: "USAGE" });
    await expect(openModel(whole, { variants: [whole] })).rejects.toMatchObject({ code: "BAD_RECIPE" });
  });

  it("answers with each variant as a merge that is written does, in every bit", async () => {
    const together = await opened(whole, { variants }, async (model) => {
      expect(model.facts).toMatchObject({ fidelity: "exact", variants: 4 });
      expect(model.describe()).toMatchObject({ variants: 4 });
      return Promise.all(variants.map((_, variant) => model.logits(inputs, { variant })));
    });
    // by default the one that differs by tensor
    for (const [at, variant] of casesOf([...variants.entries()], [...variants.entries()].slice(0, 1))) {
      const { out } = await merge(variant, join(place, `written-${at}`), { writeModelCard: false });
      expect(await opened(out, {}, (model) => model.logits(inputs))).toEqual(together[at]);
    }
    expect(together[0]).not.toEqual(together[1]);
    if (long) expect(together[2]).toEqual(await opened(base, {}, (model) => model.logits(inputs)));
  });

  it.runIf(long)("sums products with weights by tensor, close to what is made, and holds what is made", async () => {
    const floats = variants.map((variant): Recipe => ({ ...variant, dtype: "float32" }));
    const source = { ...whole, dtype: "float32" };
    const of = (options: ModelOptions) =>
      opened(source, { variants: floats, ...options }, async (model) => {
        const hows = new Set(model.describe().tensors.map(({ how }) => how));
        const logits = await Promise.all(floats.map((_, variant) => model.logits(inputs, { variant })));
        return { hows, logits: logits.flat().flatMap((row) => [...row]) };
      });
    const [linear, exact, held] = [
      await of({ fidelity: "linear" }),
      await of({ fidelity: "exact" }),
      await of({ hold: true }),
    ];
    expect(linear.hows).toContain("summed");
    expect(held.hows).toContain("held");
    expect(held.logits).toEqual(exact.logits);
    const worst = Math.max(...linear.logits.map((value, at) => Math.abs(value - (exact.logits[at] as number))));
    expect(worst).toBeLessThan(1e-4);
    expect(worst).toBeGreaterThan(0);
  });

  it("says of every result which variant it is, and asks which one is meant", async () => {
    await opened(whole, { variants }, async (model) => {
      const answers: string[] = [];
      const pieces = new Set<number | undefined>();
      for await (const { index, variant, lambda } of model.generate(inputs, {
        ...{ maxNewTokens: 2, ignoreEos: true, variant: [0, 3] },
        skip: ({ index, variant }) => index === 0 && variant === 3,
        onToken: (piece) => pieces.add(piece.variant),
      })) {
        answers.push(`${index} ${variant} ${lambda}`);
      }
      expect(answers.sort()).toEqual(["0 0 undefined", "1 0 undefined", "1 3 undefined"]);
      expect([...pieces].sort()).toEqual([0, 3]);

      const next = new Map<string, Float32Array>();
      for await (const { index, variant, logprobs } of model.nextLogprobs(inputs, "all")) {
        next.set(`${index} ${variant}`, logprobs);
      }
      expect(next.size).toBe(8);
      const [scores] = await model.continuations([{ ids: [1, 2, 3, 4, 9], from: 4 }], { variant: 3 });
      expect(scores?.logprobs[0]).toBeCloseTo(next.get("0 3")?.[9] as number, 5);
      const [logprobs] = await model.logprobs([[1, 2, 3, 4, 9]], { variant: 3 });
      expect(logprobs?.at(-1)).toBe(scores?.logprobs[0]);

      // the same long beginning of every variant, each read with its own weights, in the same steps: as one variant a call, to the bit
      const beginning = Array.from({ length: 40 }, (_, at) => (at * 7 + 3) % 90);
      const endings = [[5, 6], [7], [8, 9, 10]].map((ending) => ({ ids: [...beginning, ...ending], from: 40 }));
      const mixed = endings.flatMap((input) => [3, 0, 1].map((variant) => ({ ...input, variant })));
      const together = await model.continuations(mixed, { variant: 2 });
      for (const variant of [0, 1, 3]) {
        const alone = await model.continuations(endings, { variant });
        expect(together.filter((_, at) => mixed[at]?.variant === variant)).toEqual(alone);
      }
      expect(together[0]).not.toEqual(together[1]);
      const unnamed = await model.continuations(endings.slice(0, 1), { variant: 2 });
      expect(await model.continuations([...endings.slice(0, 1), ...mixed], { variant: 2 })).toEqual([
        ...unnamed,
        ...together,
      ]);
      await expect(model.continuations([...mixed, ...endings])).rejects.toMatchObject({ code: "USAGE" });

      await expect(model.logits(inputs)).rejects.toMatchObject({ code: "USAGE", hint: "{ variant: 0 }" });
      await expect(model.logits(inputs, { variant: 4 })).rejects.toMatchObject({ hint: "it has 0 to 3" });
      await expect(model.logits(inputs, { lambda: 0.5 })).rejects.toMatchObject({ code: "USAGE" });
    });
    await opened(recipeOf(0.5), {}, (model) =>
      expect(model.logits(inputs, { variant: 0 })).rejects.toMatchObject({ code: "USAGE" }),
    );
  });

  it.runIf(long)(
    "keeps answers of variants apart in a file, and knows a model with other variants by its fingerprint",
    async () => {
      const out = join(place, "answers.jsonl");
      const prompts = inputs.map((prompt) => ({ prompt }));
      const settings = { maxNewTokens: 2, ignoreEos: true };
      const first = await opened(whole, { variants }, async (model) => {
        const { answers } = await generateFile(model, prompts, out, settings);
        expect([answers, (await generateFile(model, prompts, out, settings)).kept]).toEqual([8, 8]);
        return model.facts.fingerprint;
      });
      const lines = readFileSync(out, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(lines.map(({ index, variant }) => [index, variant])).toEqual(
        [0, 1].flatMap((index) => [0, 1, 2, 3].map((variant) => [index, variant])),
      );
      const second = await opened(whole, { variants: variants.slice(1) }, async ({ facts }) => facts.fingerprint);
      expect(second).not.toBe(first);
    },
  );
});
