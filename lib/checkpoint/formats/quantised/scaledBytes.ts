// Weights whose elements are a byte each: FP8 with scales for a tensor, a row or a block (the fp8 and fbgemm_fp8 methods of
// transformers, compressed-tensors' float-quantized, ModelOpt's FP8), and int8 of compressed-tensors.
//
// FP8 codes: OCP 8-bit Floating Point Specification 1.0. W = code scale; a weight_scale_inv is that same factor, whatever its
// name. compressed-tensors multiplies in the dtype of its scales.

import type { Dtype } from "../../../addon/dtype.js";
import {
  type Dequantised,
  decoded,
  decodedDtype,
  gridOf,
  inRows,
  isFloat,
  modulesWith,
  partOf,
  type QuantisedSource,
  require,
  sharing,
} from "./quantisedWeights.js";

const KINDS = { F8_E4M3: "e4m3", F8_E5M2: "e5m2", I8: "signed8" } as const;

export function scaledBytes(source: QuantisedSource): Dequantised[] {
  const { folder, settings } = source;
  const isCompressed = settings.quant_method === "compressed-tensors";
  const found: Dequantised[] = [];
  for (const [module, weight] of modulesWith(source, "weight")) {
    const scale = partOf(source, module, "weight_scale_inv") ?? partOf(source, module, "weight_scale");
    const kind = KINDS[weight.dtype as keyof typeof KINDS];
    // bytes without such a scale are of another format
    if (!kind || !scale || weight.shape.length !== 2 || (kind === "signed8" && !isCompressed)) continue;
    const [rows, cols] = weight.shape as readonly [number, number];
    require(isFloat(scale) && rows > 0 && cols > 0, weight, `has scales of ${scale.dtype}, which are not read`, folder);
    const blocks = blockSize(source);
    const { groups, ...grid } = gridOf(scale, [rows, cols], blocks, folder);
    const zero = partOf(source, module, "weight_zero_point");
    if (zero && kind === "signed8") require(zero.dtype === "I8", zero, `is ${zero.dtype}, not I8`, folder);
    const zeros = zero && kind === "signed8" ? gridOf(zero, [rows, cols], blocks, folder) : undefined;
    if (zero && zeros) {
      require(zeros.groups === groups && zeros.rowBlock === grid.rowBlock, zero, "does not fit weight_scale", folder);
    }
    const dtype = decodedDtype(scale, source);
    found.push({
      tensor: decoded({
        ...{ name: weight.name, codes: weight, shape: weight.shape, dtype },
        encoding: {
          ...{ kind, packing: inRows(8, cols), rows, cols, groups, scale: grid },
          ...(zeros && { zero: withoutGroups(zeros) }),
          ...(isCompressed && { product: scale.dtype as Dtype }),
        },
      }),
      // scales of activations go with the codes that they were made for
      uses: [
        "weight_scale_inv",
        "weight_scale",
        "weight_zero_point",
        "input_scale",
        "output_scale",
        "activation_scale",
      ].map((part) => `${module}.${part}`),
      precision: `${kind === "signed8" ? "int8" : kind.toUpperCase()} ${sharing(grid, [rows, cols])}`,
    });
  }
  return found;
}

function withoutGroups<T extends { readonly groups: number }>({ groups: _, ...grid }: T): Omit<T, "groups"> {
  return grid;
}

/** [rows, columns] of the blocks that share a scale, as each format says it. */
function blockSize({ settings }: QuantisedSource): readonly [number | undefined, number | undefined] {
  const told = settings.weight_block_size ?? weightsOf(settings)?.block_structure;
  const [rows, cols] = Array.isArray(told) ? (told as unknown[]) : [];
  const size = weightsOf(settings)?.group_size;
  const number = (value: unknown) => (typeof value === "number" && value > 0 ? value : undefined);
  return [number(rows), number(cols) ?? number(size)];
}

/** How compressed-tensors' first group has its weights. */
function weightsOf(settings: QuantisedSource["settings"]): Readonly<Record<string, unknown>> | undefined {
  const groups = Object.values((settings.config_groups ?? {}) as Record<string, { weights?: Record<string, unknown> }>);
  return groups[0]?.weights ?? undefined;
}
