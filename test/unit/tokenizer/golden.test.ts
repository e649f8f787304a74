// Compares vocabularies and embedding rows with those that mergekit makes of the same recipes (see golden/tokenizer/make.py).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { NativeGather } from "../../../lib/addon/nativePlan.js";
import { parseRecipe } from "../../../lib/recipe/load.js";
import type { ParsedRecipe, TokenizerRequest } from "../../../lib/recipe/types.js";
import { buildTokenizer } from "../../../lib/tokenizer/buildVocabulary.js";
import { mergeTokenizers, type TokenizerInput } from "../../../lib/tokenizer/mergeTokenizers.js";
import { readTokenizer } from "../../../lib/tokenizer/readTokenizer.js";
import { modelsOfRequest, sameModel } from "../../../lib/tokenizer/references.js";
import type { EmbeddingGather } from "../../../lib/tokenizer/types.js";
import { failureOf, folderWith } from "./fixtures.js";

type Matrix = readonly (readonly number[])[];

interface Case {
  readonly recipe: {
    readonly merge_method: string;
    readonly models: { model: string; parameters?: { weight: number } }[];
  };
  readonly error?: string;
  readonly vocabulary: Readonly<Record<string, number>>;
  readonly addedTokens: readonly string[];
  readonly vocabSize: number;
  readonly embed: Matrix;
  readonly head: Matrix;
}

const golden = fileURLToPath(new URL("../../golden/tokenizer", import.meta.url));
const cases = JSON.parse(readFileSync(join(golden, "cases.json"), "utf8")) as Record<string, Case>;
const refused = Object.entries(cases).filter(([, { error }]) => error !== undefined);
const made = Object.entries(cases).filter(([, { error }]) => error === undefined);

function matricesOf(model: string): { embed: Matrix; head: Matrix } {
  return JSON.parse(readFileSync(join(golden, "models", model, "embeddings.json"), "utf8"));
}

function inputsOf(recipe: ParsedRecipe): TokenizerInput[] {
  const merged = recipe.modules.flatMap(({ slices }) =>
    slices.flatMap(({ sources }) => sources.map(({ model }) => model)),
  );
  const lending = modelsOfRequest(recipe.tokenizer as TokenizerRequest).filter(
    (model) => !merged.some((other) => sameModel(model, other)),
  );
  const input = (merges: boolean) => (model: (typeof merged)[number]) => ({
    reference: model,
    folder: join(golden, "models", model.path),
    merged: merges,
    ...(merges ? { embeddingRows: matricesOf(model.path).embed.length } : {}),
  });
  return [...merged.map(input(true)), ...lending.map(input(false))];
}

function meanOf(rows: Matrix, columns: number): number[] {
  return Array.from(
    { length: columns },
    (_, c) => rows.reduce((sum, row) => sum + (row[c] ?? Number.NaN), 0) / (rows.length || 1),
  );
}

function gathered(gather: NativeGather, parts: readonly Matrix[]): Matrix {
  return Array.from({ length: gather.start.length - 1 }, (_, id) => {
    const rows: (readonly number[])[] = [];
    for (let at = gather.start[id] ?? 0; at < (gather.start[id + 1] ?? 0); at += 1) {
      rows.push(parts[gather.part[at] ?? -1]?.[gather.row[at] ?? -1] ?? []);
    }
    return meanOf(rows, 4);
  });
}

function withMeanRows(gather: EmbeddingGather, parts: readonly Matrix[]): Matrix {
  const rows = gathered(gather, parts);
  return [...rows, ...Array.from({ length: gather.meanRows }, () => meanOf(rows, 4))];
}

/** The merge of a case's recipe on gathered matrices: a weighted sum, or nearswap (t = 20). */
function mergedRow({ recipe }: Case, rows: readonly (readonly number[])[]): number[] {
  return Array.from({ length: 4 }, (_, c) => {
    const values = rows.map((row) => row[c] ?? Number.NaN);
    if (recipe.merge_method === "linear") {
      return values.reduce(
        (sum, value, model) => sum + value * (recipe.models[model]?.parameters?.weight ?? Number.NaN),
        0,
      );
    }
    const [a, b] = values as [number, number];
    const w = Math.min(1, Math.max(0, 20 / Math.max(Math.abs(a - b), 1e-6)));
    return w * b + (1 - w) * a;
  });
}

describe("the merged tokenizer against mergekit", () => {
  it.each(made)("has the vocabulary and the rows of %s", async (name, expected) => {
    const recipe = parseRecipe(JSON.stringify(expected.recipe));
    const inputs = inputsOf(recipe);
    const outcome = await mergeTokenizers(recipe.tokenizer, undefined, inputs, recipe.baseModel);
    expect(outcome.vocabularySize).toBe(expected.vocabSize);

    const opened = await Promise.all(
      inputs.map(async (input) => ({ ...input, tokenizer: await readTokenizer(input.folder) })),
    );
    const { tokens, source } = buildTokenizer(recipe.tokenizer as TokenizerRequest, opened, recipe.baseModel);
    expect([...tokens].sort()).toEqual(Object.keys(expected.vocabulary).sort());
    // Ids of the source are kept; those that a union appends come in another order with every run of mergekit.
    if (recipe.baseModel !== undefined) {
      const own = opened[source]?.tokenizer.tokens.slice(0, opened[source]?.embeddingRows) ?? [];
      expect(own.map((token) => expected.vocabulary[token ?? ""])).toEqual(own.map((_, id) => id));
      if (recipe.tokenizer?.source.kind !== "union") {
        expect(tokens.map((token) => expected.vocabulary[token ?? ""])).toEqual(tokens.map((_, id) => id));
      }
    }

    for (const matrix of ["embed", "head"] as const) {
      const parts = inputs.map(({ reference, merged }) => (merged ? matricesOf(reference.path)[matrix] : []));
      const gathers = (outcome.gathers ?? []).filter((gather) => gather !== undefined);
      const models = gathers.map((gather) => withMeanRows(gather, parts));
      for (let id = 0; id < expected.vocabSize; id += 1) {
        const row = mergedRow(
          expected,
          models.map((model) => model[id] ?? []),
        );
        const theirs = expected[matrix][id < tokens.length ? (expected.vocabulary[tokens[id] ?? ""] ?? -1) : id];
        for (const [c, value] of row.entries()) {
          expect(Math.abs(value - (theirs?.[c] ?? Number.NaN)), `${name}, ${matrix}, row ${id}`).toBeLessThan(2e-4);
        }
      }
    }
  });

  it.each(made)("writes a tokenizer.json for %s that says the same when it is read again", async (_name, expected) => {
    const recipe = parseRecipe(JSON.stringify(expected.recipe));
    const { files } = await mergeTokenizers(recipe.tokenizer, undefined, inputsOf(recipe), recipe.baseModel);
    const folder = folderWith(
      Object.fromEntries(
        files.map(({ name, content }) => [
          name,
          typeof content === "string" ? content : readFileSync(content.copyFrom),
        ]),
      ),
    );
    const again = await readTokenizer(folder);
    const opened = await Promise.all(
      inputsOf(recipe).map(async (input) => ({ ...input, tokenizer: await readTokenizer(input.folder) })),
    );
    expect(again.tokens).toEqual(buildTokenizer(recipe.tokenizer as TokenizerRequest, opened, recipe.baseModel).tokens);
    expect(again.warnings).toEqual([]);
    if (recipe.baseModel !== undefined) {
      const added = again.added.map(({ content }) => content);
      expect(added.sort()).toEqual([...expected.addedTokens].sort());
    }
  });

  it.each([
    ["tokens_model_lacks", "INCOMPATIBLE", /token "d" is not in a/],
    ["tokens_model_token_unknown", "INCOMPATIBLE", /token "nope" is not in b/],
    ["tokens_model_outside", "INCOMPATIBLE", /whose embeddings are not merged/],
    ["tokens_model_outside_force", "INCOMPATIBLE", /whose embeddings are not merged/],
    ["tokens_model_token_outside_force", "INCOMPATIBLE", /whose embeddings are not merged/],
    ["tokens_force_only", "BAD_RECIPE", /force/],
    ["tokens_force_only_no_base", "BAD_RECIPE", /force/],
  ])("refuses %s, as mergekit does", async (name, code, message) => {
    expect(refused.map(([refusedName]) => refusedName)).toContain(name);
    const error = await failureOf(async () => {
      const recipe = parseRecipe(JSON.stringify(cases[name]?.recipe));
      await mergeTokenizers(recipe.tokenizer, undefined, inputsOf(recipe), recipe.baseModel);
    });
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it("takes what mergekit stumbles over: new tokens, and a model with more pieces than rows", async () => {
    const size = async (name: string): Promise<number | undefined> => {
      const recipe = parseRecipe(JSON.stringify(cases[name]?.recipe));
      return (await mergeTokenizers(recipe.tokenizer, undefined, inputsOf(recipe), recipe.baseModel)).vocabularySize;
    };
    const names = ["tokens_new", "tokens_new_without_source", "tokens_new_of_other_model", "base_cut"];
    for (const name of names) expect(cases[name]?.error).toBeDefined();
    expect(await Promise.all(names.map(size))).toEqual([10, 9, 9, 5]);
  });
});
