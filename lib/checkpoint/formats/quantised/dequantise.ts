// Quantised weights as numbers: of each checkpoint whose codes are of a format that is read, the weights that they stand for, as
// stored tensors with an encoding. Codes, scales and zero points are tensors no more, and config.json says no longer that they are.

import type { JsonObject } from "../../json.js";
import type { RawTensor } from "../../types.js";
import { awq } from "./awq.js";
import { bitsandbytes } from "./bitsandbytes.js";
import { gptq } from "./gptq.js";
import { packedCompressed } from "./packedCompressed.js";
import { type Dequantised, type QuantisedFormat, type QuantisedSource, require } from "./quantisedWeights.js";
import { scaledBytes } from "./scaledBytes.js";

const FORMATS: readonly QuantisedFormat[] = [scaledBytes, packedCompressed, gptq, awq, bitsandbytes];

/** Keys of config.json that say how weights are quantised. */
export const SETTINGS = ["quantization_config", "compression_config"] as const;

/** Whether a configuration says that weights are quantised. */
export function isQuantised(config: JsonObject): boolean {
  return SETTINGS.some((key) => typeof config[key] === "object" && config[key] !== null);
}

export interface PlainWeights {
  readonly tensors: ReadonlyMap<string, RawTensor>;
  /** Without what it said of codes that are none any more. */
  readonly config: JsonObject;
  /** What precision the weights have left; none where nothing was quantised. */
  readonly notes: readonly string[];
}

/**
 * The checkpoint with its quantised weights as numbers. What no format here knows stays as it is.
 * @throws RetemperError BAD_INPUT for a tensor that contradicts its format, by its name
 */
export function dequantise(source: Omit<QuantisedSource, "settings">): PlainWeights {
  const { tensors, config } = source;
  const settings = SETTINGS.map((key) => config[key]).find((value) => typeof value === "object" && value !== null);
  const whole = { ...source, settings: (settings ?? {}) as JsonObject };
  const found = FORMATS.flatMap((format) => format(whole));
  if (found.length === 0) return { tensors, config, notes: [] };
  const plain = new Map(tensors);
  for (const { uses } of found) {
    for (const name of uses) {
      const used = tensors.get(name);
      if (used) require(!used.encoding, used, "is a view, and codes and scales are read as they lie", source.folder);
      plain.delete(name);
    }
  }
  for (const { tensor } of found) plain.set(tensor.name, tensor);
  requireNumbers(plain.values(), source.folder);
  const kept = Object.entries(config).filter(([key]) => !(SETTINGS as readonly string[]).includes(key));
  return { tensors: plain, config: Object.fromEntries(kept), notes: notesOf(found) };
}

/** Codes that have lost their scales must not pass for whole numbers. */
function requireNumbers(tensors: Iterable<RawTensor>, folder: string): void {
  for (const tensor of tensors) {
    const codes = tensor.name.endsWith(".weight") && !/^(F16|BF16|F32|F64)$/.test(tensor.dtype);
    require(!codes, tensor, `is ${tensor.dtype}, and there is nothing that says which numbers its codes are`, folder);
  }
}

function notesOf(found: readonly Dequantised[]): string[] {
  const counts = new Map<string, number>();
  for (const { precision } of found) counts.set(precision, (counts.get(precision) ?? 0) + 1);
  return [...counts].map(
    ([precision, count]) =>
      `${count} ${count === 1 ? "weight was" : "weights were"} quantised before (${precision}): read as the numbers that the codes stand for, without the precision that was lost then`,
  );
}
