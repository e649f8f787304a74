// Logits of virtual merges, and of models, by decoders that are driven by hand; and models that are open for as long as they are used.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model, ModelOptions } from "../../../lib/generate/types.js";
import { openDecoder } from "../../../lib/nn/openDecoder.js";
import { mergedCheckpoint } from "../../../lib/nn/virtual/virtualCheckpoint.js";
import { recipeOf } from "../../../lib/generate/virtual/recipeOf.js";
import type { Recipe } from "../../../lib/index.js";
import { type VirtualMergeOptions, virtualMerge } from "../../../lib/merge/virtualMerge.js";
import { open } from "./engines.js";
import { rowsOf } from "./steps.js";

/** Logits of every id of every input, by variant. All variants are in one step, which mixes their rows. */
export async function variantsOf(
  source: string | Recipe,
  options: VirtualMergeOptions,
  ids: readonly (readonly number[])[],
): Promise<Float32Array[][]> {
  const { threads = 2, lambdas = [0] } = options;
  const recipe = recipeOf(source);
  const folder = mkdtempSync(join(tmpdir(), "retemper-variants-"));
  const merged = recipe === undefined ? undefined : await virtualMerge(recipe, folder, options);
  const checkpoint = merged ? await mergedCheckpoint("virtual", merged) : await open(source as string);
  const decoder = await openDecoder(checkpoint, "native", { threads, merge: merged });
  rmSync(folder, { recursive: true });
  const pieces = ids.flatMap((input, index) =>
    lambdas.map((_, variant) => ({ slot: index * lambdas.length + variant, ids: input, start: 0, variant })),
  );
  const rows = rowsOf(pieces);
  const variants = Int32Array.from(pieces.flatMap(({ ids: own, variant }) => own.map(() => variant)));
  const cache = decoder.createCache({ slots: pieces.length, tokens: pieces.length * 64 });
  const all = decoder.forward({ ...rows, variants }, cache, rows.ids.map((_, row) => row)).slice();
  const logits: Float32Array[][] = lambdas.map(() => []);
  let row = 0;
  for (const { ids: own, variant } of pieces) {
    const width = decoder.spec.vocabulary;
    logits[variant]?.push(all.subarray(row * width, (row + own.length) * width));
    row += own.length;
  }
  decoder.dispose();
  return logits;
}

export async function logitsOf(source: string | Recipe, options: VirtualMergeOptions, ids: readonly (readonly number[])[]): Promise<Float32Array[]> {
  return (await variantsOf(source, options, ids))[0] as Float32Array[];
}

/** Opens a model, on two threads where nothing else is said, and closes it however `use` ends. */
export async function opened<T>(source: string | Recipe, options: ModelOptions, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await openModel(source, { threads: 2, ...options });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

export function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  expect(a.map(({ length }) => length)).toEqual(b.map(({ length }) => length));
  let worst = 0;
  for (const [i, values] of a.entries()) {
    for (const [j, value] of values.entries()) worst = Math.max(worst, Math.abs(value - (b[i]?.[j] as number)));
  }
  return worst;
}
