// A merge that is to be written as an adapter: planned as any, then looked at tensor by tensor.

import type { Addon } from "../../addon/surface.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { RetemperError } from "../../errors.js";
import { InputFiles } from "../../plan/inputFiles.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import type { MergeOptions } from "../options.js";
import { openInputs, type Prepared, planOn } from "../prepare.js";
import { adapterBase } from "./adapterBase.js";
import { adapterPlan } from "./adapterPlan.js";
import type { AdapterPlan } from "./plannedAdapter.js";

/**
 * @throws RetemperError as `prepare` does; USAGE for what an adapter cannot hold
 */
export async function prepareAdapter(recipe: ParsedRecipe, options: MergeOptions, addon: Addon): Promise<Prepared> {
  const { rank, energy, loraMergeDtype } = options;
  if (rank !== undefined && !(Number.isSafeInteger(rank) && rank > 0)) {
    throw new RetemperError("USAGE", `rank must be a positive whole number, not ${rank}`);
  }
  if (energy !== undefined && !(energy > 0 && energy <= 1)) {
    throw new RetemperError("USAGE", `energy must be above 0 and at most 1, not ${energy}`);
  }
  if (loraMergeDtype !== undefined) {
    throw new RetemperError(
      "USAGE",
      "an adapter holds a change as it is: no adapted model is rounded (loraMergeDtype)",
      {
        hint: "leave --lora-merge-dtype out",
      },
    );
  }
  const opened = await openInputs(recipe, options, addon);
  const files = new InputFiles();
  const prepared = planOn(opened, recipe, options, addon, files);
  const base = await adapterBase(opened.models, options, addon);
  const plan = adapterPlan(prepared, base, files, rank !== undefined || energy !== undefined);
  const { models } = prepared;
  const { text } = base.reference;
  return {
    ...prepared,
    models: {
      ...models,
      checkpoints: new Map([...models.checkpoints, [text, base.checkpoint]]),
      references: new Map([...models.references, [text, base.reference]]),
    },
    adapterPlan: plan,
    estimate: { ...prepared.estimate, ...sizes(plan, rank) },
  };
}

/** What is written, and what is on the disk at the most: everything lies there twice, and one matrix as float32. */
function sizes({ lowRank, whole }: AdapterPlan, rank = Number.POSITIVE_INFINITY) {
  let [written, matrix] = [0, 0];
  for (const { shape, terms } of lowRank) {
    const [rows = 1, ...rest] = shape;
    const joined = terms?.reduce((sum, term) => sum + term.rank, 0) ?? Math.min(rows, elementsOf({ shape: rest }));
    written += 4 * Math.min(rank, joined) * (rows + elementsOf({ shape: rest }));
    if (!terms) matrix = Math.max(matrix, 4 * elementsOf({ shape }));
  }
  for (const { draft, targets } of whole) written += targets.length * 4 * elementsOf(draft);
  return { bytesWritten: written, diskNeeded: 2 * written + 3 * matrix };
}
