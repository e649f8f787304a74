// A step that writes a merge into its folder in `models`, in any form.

import { existsSync } from "node:fs";
import { merge } from "../../merge/merge.js";
import type { MergeOptions } from "../../merge/options.js";
import type { FloatDtypeName, Recipe } from "../../recipe/types.js";
import type { MergeAt } from "../candidates/merges.js";
import type { Digests } from "../digests/contents.js";
import { type Batch, type Step, single } from "./step.js";

/** A merge, and what it becomes. */
export interface MergeToWrite extends Pick<MergeOptions, "format" | "quantise" | "rank"> {
  readonly merge: Pick<MergeAt, "recipe" | "maskSeed" | "lambda">;
  readonly dtype?: FloatDtypeName | undefined;
}

/** Whether a file says what a model computes: a card gets the run's numbers afterwards. */
export function isOfModel({ path }: { readonly path: string }): boolean {
  return path !== "README.md";
}

/** The recipe whose tensors are written with this dtype. */
export function typed(recipe: Recipe, dtype: FloatDtypeName | undefined): Recipe {
  return dtype === undefined ? recipe : ({ ...(recipe as object), out_dtype: dtype } as unknown as Recipe);
}

export function mergeBatch(
  step: Step,
  folder: string,
  { merge: { recipe, maskSeed, lambda }, dtype, ...options }: MergeToWrite,
  { contents }: { readonly contents: Pick<Digests, "areIn"> },
  {
    part,
    bytes,
    before,
  }: { readonly part: string; readonly bytes: number; readonly before?: (() => Promise<void>) | undefined },
): Batch {
  return single(
    step,
    async ({ signal }) => {
      await before?.();
      const force = existsSync(folder);
      const made = await merge(typed(recipe, dtype), folder, { ...options, lambda, seed: maskSeed, signal, force });
      return { newTokens: 0, bytesWritten: made.bytesWritten, files: made.files };
    },
    {
      part,
      remains: async () => ({ bytes, units: 1, pending: true }),
      // another experiment may have written there since
      intact: ({ files = [] }) => contents.areIn(folder, files.filter(isOfModel)),
    },
  );
}
