// rho of each module of a fine-tuned model: how much of the direction of its change the projection on what aligned the model leaves.
// Gates go by it; here it is asked for by itself.

import { loadAddon } from "../../addon/load.js";
import { ownedFolder } from "../../output/ownedFolder.js";
import type { Recipe } from "../../recipe/types.js";
import type { PlanOptions } from "../options.js";
import { readRecipe } from "../prepare.js";
import { withProjections } from "./withProjections.js";

export interface RhoModels {
  readonly aligned: string;
  readonly unaligned: string;
  /** Whole, or the aligned one + an adapter. */
  readonly tuned: string;
}

/** By the aligned model's names. */
export interface ModuleRhos {
  /** Of matrices in which A and U are the same there is none. */
  readonly rhos: ReadonlyMap<string, number>;
  readonly warnings: readonly string[];
}

/**
 * rho = cos(C D, D) as vectors, C = V V^T / |V|, V = A - U, D = F - A; rounded to five digits as Safe LoRA's own code does
 * (https://arxiv.org/abs/2405.16833).
 * @throws RetemperError INCOMPATIBLE for models that do not fit, and for a DoRA adapter; BAD_INPUT; IO; CANCELLED or the signal's reason
 */
export async function moduleRhos(
  { aligned, unaligned, tuned }: RhoModels,
  { signal, threads }: Pick<PlanOptions, "signal" | "threads"> = {},
): Promise<ModuleRhos> {
  const models = [{ model: tuned }];
  const recipe = { merge_method: "safe_lora", base_model: aligned, unaligned_model: unaligned, models } as Recipe;
  const folder = await ownedFolder("retemper-rho-");
  try {
    const options = { addon: loadAddon(), signal, threads };
    return await withProjections(await readRecipe(recipe, {}), folder.path, options, async ({ modules, warnings }) => ({
      rhos: new Map(modules.flatMap(({ weight, rho, judged }) => (judged ? [[weight.name, rho] as const] : []))),
      warnings,
    }));
  } finally {
    await folder.remove();
  }
}
