// The native plan of a virtual merge: one output a variant, without files.

import type { NativePlan, NativeTensor } from "../addon/nativePlan.js";
import { RetemperError } from "../errors.js";
import type { BuiltPlan } from "./build.js";
import { storedBytes } from "./gguf/ggufPlan.js";
import { variantsOf } from "./sweepPlan.js";
import type { DraftTensor } from "./tensors.js";

/**
 * The plan of several variants, whose plans must come from one recipe with different numbers and number their input files
 * alike (`PlanRequest.files`).
 * @param unrounded results that are no copies are float32, whatever the recipe stores them as
 */
export function virtualPlan(
  builds: readonly BuiltPlan[],
  unrounded: boolean,
  run: Pick<NativePlan, "seed" | "threads">,
): NativePlan {
  const [first] = builds;
  if (!first) throw new RetemperError("INTERNAL", "a virtual merge without variants");
  const groups = first.tensors.flatMap((_, tensor) =>
    variantsOf(
      builds.map(({ tensors }) => tensors[tensor] as DraftTensor),
      (variant) => variant,
      0,
    ),
  );
  // Outputs are checked to have no gaps, so each tensor stands after those before it.
  const ends = builds.map(() => 0);
  const tensors = groups.map((group): NativeTensor => {
    const copies = group.variants.every(({ params }) => params.op === "copy");
    const outDtype = unrounded && !copies ? "F32" : group.outDtype;
    const bytes = storedBytes({ ...group, outDtype });
    const variants = group.variants.map(({ output, params }) => {
      const offset = ends[output] as number;
      ends[output] = offset + bytes;
      return { output, offset, params };
    });
    return { ...group, outDtype, variants };
  });
  return {
    inputs: first.inputs,
    outputs: ends.map((size, variant) => ({ path: `variant ${variant}`, size, header: new Uint8Array(0) })),
    tensors,
    ...run,
    maxMemory: 0,
    reading: "auto",
    fsync: false,
  };
}
