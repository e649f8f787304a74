// The dtypes that merging knows; everything else is refused by name, never reinterpreted.

import type { Dtype } from "../addon/dtype.js";
import { RetemperError } from "../errors.js";
import { listing } from "./listing.js";
import type { StoredTensor } from "./types.js";
import type { RawTensor } from "./weights.js";

const DTYPES: ReadonlySet<string> = new Set<Dtype>([
  ...(["F64", "F32", "F16", "BF16"] as const),
  ...(["I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"] as const),
]);

/** The tensors, once none of them has a dtype that merging does not know. */
export function knownDtypes(raw: ReadonlyMap<string, RawTensor>, file: string): ReadonlyMap<string, StoredTensor> {
  const faults: string[] = [];
  for (const { name, dtype } of raw.values()) if (!DTYPES.has(dtype)) faults.push(`${name}: ${dtype}`);
  if (faults.length > 0) {
    throw new RetemperError("BAD_INPUT", `unsupported dtypes:${listing(faults)}`, {
      file,
      hint: "Tensors of these dtypes are never reinterpreted; convert the model to float32, bfloat16 or float16.",
    });
  }
  return raw as ReadonlyMap<string, StoredTensor>;
}
