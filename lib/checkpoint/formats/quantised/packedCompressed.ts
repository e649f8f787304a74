// compressed-tensors' pack-quantized weights: weight_packed, int32 words along each row, lowest bits first, of codes + 2^(bits-1);
// weight_scale, one a row or a group; weight_zero_point, packed along the rows or int8; weight_shape.
//
// W = (code - zero) scale, in the dtype of the scales (compressed_tensors/compressors/pack_quantized describes the packing).

import type { Dtype } from "../../../addon/dtype.js";
import type { NativePacking } from "../../../addon/nativePlan.js";
import { elementsOf } from "../../elementsOf.js";
import type { RawTensor } from "../../types.js";
import {
  bytesOf,
  type Dequantised,
  decoded,
  decodedDtype,
  type Grid,
  gridOf,
  inRows,
  isFloat,
  modulesWith,
  partOf,
  type QuantisedSource,
  rangeOf,
  require,
  sharing,
} from "./quantisedWeights.js";

export function packedCompressed(source: QuantisedSource): Dequantised[] {
  const { folder } = source;
  const found: Dequantised[] = [];
  for (const [module, packed] of modulesWith(source, "weight_packed")) {
    const scale = partOf(source, module, "weight_scale");
    const shape = partOf(source, module, "weight_shape");
    if (packed.dtype !== "I32" || !scale || !shape || !isFloat(scale)) continue; // NVFP4 and its like
    const [rows, cols] = shapeOf(shape, packed, source);
    const bits = bitsOf(packed, cols, source);
    const words = packed.shape[1] as number;
    const { groups, ...grid } = gridOf(scale, [rows, cols], [undefined, undefined], folder);
    const zero = partOf(source, module, "weight_zero_point");
    const order = partOf(source, module, "weight_g_idx");
    if (order)
      require(order.dtype === "I32" && elementsOf(order) === cols, order, "is not a group for each column", folder);
    found.push({
      tensor: decoded({
        ...{ name: `${module}.weight`, codes: packed, shape: [rows, cols], dtype: decodedDtype(scale, source) },
        encoding: {
          ...{ kind: "unsigned", packing: inRows(bits, words * 4), add: -(2 ** (bits - 1)), rows, cols, groups },
          scale: grid,
          ...(zero && { zero: zeroGrid(zero, grid, { rows, cols, groups, bits }, folder) }),
          ...(order && { groupOfColumn: rangeOf(order) }),
          product: scale.dtype as Dtype,
        },
      }),
      uses: ["weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "input_scale"].map(
        (part) => `${module}.${part}`,
      ),
      precision: `int${bits} ${sharing(grid, [rows, cols])}`,
    });
  }
  return found;
}

function zeroGrid(
  zero: RawTensor,
  scale: Grid,
  o: { readonly rows: number; readonly cols: number; readonly groups: number; readonly bits: NativePacking["bits"] },
  folder: string,
): Grid {
  if (zero.dtype === "I8") {
    const { groups, ...grid } = gridOf(zero, [o.rows, o.cols], [undefined, undefined], folder);
    require(groups === o.groups, zero, "does not fit weight_scale", folder);
    return grid;
  }
  const words = Math.ceil((o.rows * o.bits) / 32);
  const fits = zero.dtype === "I32" && zero.shape[0] === words && (zero.shape[1] ?? 1) === o.groups;
  require(fits, zero, `is ${zero.dtype} [${zero.shape.join(", ")}], not words for ${o.rows} rows`, folder);
  const packing = { bits: o.bits, alongRows: true, step: o.groups * 4, pitch: 4 };
  return { ...scale, range: bytesOf(zero), packing, add: -(2 ** (o.bits - 1)) };
}

function shapeOf(shape: RawTensor, packed: RawTensor, { folder, read }: QuantisedSource): readonly [number, number] {
  const wide = shape.dtype === "I64";
  require(elementsOf(shape) === 2 && (wide || shape.dtype === "I32"), shape, "is not two whole numbers", folder);
  const bytes = read(shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (at: number) => (wide ? Number(view.getBigInt64(8 * at, true)) : view.getInt32(4 * at, true));
  const [rows, cols] = [number(0), number(1)];
  const plain = packed.shape.length === 2 && packed.shape[0] === rows && rows > 0 && cols > 0;
  require(plain &&
    Number.isSafeInteger(rows * cols), shape, `says [${rows}, ${cols}], which weight_packed is not`, folder);
  return [rows, cols];
}

/** The one number of bits that the configuration has and that fits the packed shape. */
function bitsOf(packed: RawTensor, cols: number, { settings, folder }: QuantisedSource): NativePacking["bits"] {
  const groups = Object.values((settings.config_groups ?? {}) as Record<string, { weights?: { num_bits?: unknown } }>);
  const told = new Set(groups.map((group) => group?.weights?.num_bits));
  const fitting = ([2, 3, 4, 8] as const).filter(
    (bits) => (told.size === 0 || told.has(bits)) && Math.ceil((cols * bits) / 32) === packed.shape[1],
  );
  const [bits, ...others] = fitting;
  require(bits !== undefined &&
    others.length === 0, packed, "has a number of bits that config.json does not say", folder);
  return bits;
}
