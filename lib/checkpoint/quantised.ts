// Recognises checkpoints whose tensors are codes, not numbers: averaging those gives noise, so they are refused by name.

import { RetemperError } from "../errors.js";
import type { JsonObject } from "./json.js";
import type { RawTensor } from "./weights.js";

export interface Quantisation {
  /** "FP8", "GPTQ", "bitsandbytes NF4", … */
  readonly scheme: string;
  /** A tensor that shows it. */
  readonly tensor?: string;
}

type Named = Pick<RawTensor, "name" | "dtype">;

/** Endings of tensor names that only a quantised checkpoint has. */
const MARKERS: readonly (readonly [ending: string, scheme: string])[] = [
  [".quant_state.bitsandbytes__nf4", "bitsandbytes NF4"],
  [".quant_state.bitsandbytes__fp4", "bitsandbytes FP4"],
  [".quant_state", "bitsandbytes 4-bit"],
  [".absmax", "bitsandbytes 4-bit"],
  [".quant_map", "bitsandbytes 4-bit"],
  [".SCB", "bitsandbytes int8"],
  [".weight_scale_inv", "block-wise FP8"],
  [".weight_packed", "compressed-tensors"],
  [".weight_zero_point", "compressed-tensors"],
  [".weight_scale", "scaled low-precision weights (FP8 or int8)"],
  [".g_idx", "GPTQ"],
  [".W_q", "HQQ"],
  [".codebooks", "AQLM"],
  ["_blocks", "MXFP4"],
];

const HINT =
  "Use the unquantised original, or dequantise the model first (transformers: model.dequantize(), then save_pretrained).";

/** The scheme of a quantised checkpoint, undefined for plain numbers. */
export function quantisation(tensors: ReadonlyMap<string, Named>, config: JsonObject): Quantisation | undefined {
  let packed: string | undefined;
  for (const { name, dtype } of tensors.values()) {
    if (/^F8_/.test(dtype)) return { scheme: dtype === "F8_E8M0" ? "MX block scales" : `FP8 (${dtype})`, tensor: name };
    if (/^F[46]_|^F4$/.test(dtype)) return { scheme: `sub-byte floats (${dtype})`, tensor: name };
    if (name.endsWith(".qweight")) packed ??= name;
    for (const [ending, scheme] of MARKERS) {
      if (!name.endsWith(ending)) continue;
      if (ending === "_blocks" && !tensors.has(`${name.slice(0, -"_blocks".length)}_scales`)) continue;
      return { scheme: scheme === "bitsandbytes 4-bit" ? fourBit(name, tensors) : scheme, tensor: name };
    }
  }
  if (packed !== undefined) {
    const declared = methodOf(config.quantization_config)?.toUpperCase();
    return { scheme: declared ?? "AWQ", tensor: packed }; // GPTQ would have shown its g_idx
  }
  for (const key of ["quantization_config", "compression_config"]) {
    if (config[key] !== undefined && config[key] !== null) {
      return { scheme: `${methodOf(config[key]) ?? "unnamed"} (${key} of config.json)` };
    }
  }
  return undefined;
}

/**
 * Refuses a quantised checkpoint by name.
 * @throws RetemperError BAD_INPUT with the scheme and a tensor that shows it.
 */
export function refuseQuantised(checkpoint: {
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, Named>;
  readonly config: JsonObject;
}): void {
  const found = quantisation(checkpoint.tensors, checkpoint.config);
  if (!found) return;
  const hint = found.tensor
    ? HINT
    : `${HINT} If the weights are plain numbers, remove quantization_config from config.json.`;
  throw new RetemperError("BAD_INPUT", `the model is quantised: ${found.scheme}; its codes cannot be merged`, {
    file: checkpoint.folder,
    tensor: found.tensor,
    hint,
  });
}

/** bitsandbytes says NF4 or FP4 in another tensor of the same weight. */
function fourBit(name: string, tensors: ReadonlyMap<string, Named>): string {
  const weight = name.replace(/\.(nested_)?(absmax|quant_map|quant_state)$/, "");
  for (const kind of ["nf4", "fp4"]) {
    if (tensors.has(`${weight}.quant_state.bitsandbytes__${kind}`)) return `bitsandbytes ${kind.toUpperCase()}`;
  }
  return "bitsandbytes 4-bit";
}

function methodOf(config: unknown): string | undefined {
  const method = (config as { quant_method?: unknown } | null | undefined)?.quant_method;
  return typeof method === "string" ? method.slice(0, 40) : undefined;
}
