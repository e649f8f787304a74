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

/** Last segments of tensor names that only a quantised checkpoint has. */
const MARKERS: ReadonlyMap<string, string> = new Map([
  ["bitsandbytes__nf4", "bitsandbytes NF4"],
  ["bitsandbytes__fp4", "bitsandbytes FP4"],
  ["quant_state", "bitsandbytes 4-bit"],
  ["absmax", "bitsandbytes 4-bit"],
  ["quant_map", "bitsandbytes 4-bit"],
  ["SCB", "bitsandbytes int8"],
  ["weight_scale_inv", "block-wise FP8"],
  ["weight_packed", "compressed-tensors"],
  ["weight_zero_point", "compressed-tensors"],
  ["weight_scale", "scaled low-precision weights (FP8 or int8)"],
  ["g_idx", "GPTQ"],
  ["W_q", "HQQ"],
]);

const HINT =
  "Use the unquantised original, or dequantise the model first (transformers: model.dequantize(), then save_pretrained); servers that run it as it is can be asked (--endpoint).";

/** The scheme of a quantised checkpoint, undefined for plain numbers. */
export function quantisation(tensors: ReadonlyMap<string, Named>, config: JsonObject): Quantisation | undefined {
  let packed: string | undefined;
  for (const { name, dtype } of tensors.values()) {
    const codes = dtypeScheme(dtype);
    if (codes) return { scheme: codes, tensor: name };
    const last = name.slice(name.lastIndexOf(".") + 1);
    if (last === "qweight") packed ??= name;
    const scheme = MARKERS.get(last);
    if (scheme) return { scheme: scheme === "bitsandbytes 4-bit" ? fourBit(name, tensors) : scheme, tensor: name };
    if (last.endsWith("_blocks") && tensors.has(name.replace(/_blocks$/, "_scales")))
      return { scheme: "MXFP4", tensor: name };
    if (last === "codebooks" && tensors.has(name.replace(/books$/, "s"))) return { scheme: "AQLM", tensor: name };
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
  throw new RetemperError(
    "BAD_INPUT",
    `the model is quantised: ${found.scheme}; its weights are codes, not the numbers that are computed with here`,
    {
      file: checkpoint.folder,
      tensor: found.tensor,
      hint,
    },
  );
}

function dtypeScheme(dtype: string): string | undefined {
  if (dtype.startsWith("F8_")) return dtype === "F8_E8M0" ? "MX block scales" : `FP8 (${dtype})`;
  return /^F[46](_|$)/.test(dtype) && dtype !== "F64" ? `sub-byte floats (${dtype})` : undefined;
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
