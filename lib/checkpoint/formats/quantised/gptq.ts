// GPTQ: qweight, int32 words [in bits / 32, out] whose bits run down the columns; scales [groups, out]; qzeros, words [groups,
// out bits / 32] along the rows; g_idx, the group of each input (in any order, where activations were sorted: desc_act).
//
// W[o, i] = (q[i, o] - z[g, o]) s[g, o] with g = g_idx[i], rounded in the dtype of the scales. Files of the first version keep
// z - 1, modulo 2^bits; those whose checkpoint_format is gptq_v2 keep z. (Frantar et al. 2022; AutoGPTQ and GPTQModel describe
// the files.)

import type { NativePacking } from "../../../addon/nativePlan.js";
import { elementsOf } from "../../elementsOf.js";
import type { RawTensor } from "../../types.js";
import {
  bytesOf,
  type Dequantised,
  decoded,
  decodedDtype,
  isFloat,
  modulesWith,
  partOf,
  type QuantisedSource,
  rangeOf,
  require,
  shown,
} from "./quantisedWeights.js";

export function gptq(source: QuantisedSource): Dequantised[] {
  const { folder, settings } = source;
  const method = settings.quant_method;
  const isGptq = method === "gptq" || (method === undefined && [...modulesWith(source, "g_idx")].length > 0);
  if (!isGptq) return [];
  const found: Dequantised[] = [];
  for (const [module, words] of modulesWith(source, "qweight")) {
    const scales = partOf(source, module, "scales");
    const zeros = partOf(source, module, "qzeros");
    const order = partOf(source, module, "g_idx");
    if (!scales || !zeros || words.dtype !== "I32" || words.shape.length !== 2) continue;
    const [stored, rows] = words.shape as readonly [number, number];
    const bits = bitsOf(words, order, source);
    const cols = (stored * 32) / bits;
    const groups = scales.shape[0] as number;
    const fits = isFloat(scales) && scales.shape.length === 2 && scales.shape[1] === rows && groups > 0 && rows > 0;
    require(fits && cols > 0, scales, `has the shape [${scales.shape.join(", ")}], not one of ${rows} a group`, folder);
    const zeroWords = (rows * bits) / 32;
    const packed = zeros.dtype === "I32" && zeros.shape[0] === groups && zeros.shape[1] === zeroWords;
    require(packed, zeros, `has the shape [${zeros.shape.join(", ")}], not [${groups}, ${zeroWords}]`, folder);
    const listed = order !== undefined && order.dtype === "I32" && elementsOf(order) === cols;
    require(order === undefined || listed, order ?? words, "is not a group for each column", folder);
    const size = groupSize(cols, groups, source);
    require(listed || size !== undefined, scales, `has ${groups} groups for ${cols} columns`, folder);
    const place = { rowBlock: 1, colBlock: size ?? cols, rowStride: 1, colStride: rows };
    const isFirst = settings.checkpoint_format !== "gptq_v2";
    found.push({
      tensor: decoded({
        ...{ name: `${module}.weight`, codes: words, shape: [rows, cols], dtype: decodedDtype(scales, source) },
        encoding: {
          kind: "unsigned",
          packing: { bits, alongRows: false, step: rows * 4, pitch: 4 },
          ...{ rows, cols, groups },
          scale: { range: rangeOf(scales), ...place },
          zero: {
            range: bytesOf(zeros),
            ...place,
            packing: { bits, alongRows: true, step: 4, pitch: zeroWords * 4 },
            ...(isFirst && { add: 1, wraps: true }),
          },
          ...(order && { groupOfColumn: rangeOf(order) }),
          ...(scales.dtype !== "F32" && { product: scales.dtype as "F16" }),
        },
      }),
      uses: ["qweight", "scales", "qzeros", "g_idx"].map((part) => `${module}.${part}`),
      precision: `GPTQ, ${bits} bits in groups of ${size ?? Math.ceil(cols / groups)}`,
    });
  }
  return found;
}

function groupSize(cols: number, groups: number, { settings }: QuantisedSource): number | undefined {
  const told = settings.group_size;
  if (typeof told === "number" && told > 0 && Math.ceil(cols / told) === groups) return told;
  return cols % groups === 0 ? cols / groups : undefined;
}

function bitsOf(words: RawTensor, order: RawTensor | undefined, source: QuantisedSource): NativePacking["bits"] {
  const { bits = order && ((words.shape[0] as number) * 32) / elementsOf(order) } = source.settings;
  const known = bits === 2 || bits === 3 || bits === 4 || bits === 8;
  const whole =
    known && ((words.shape[0] as number) * 32) % bits === 0 && ((words.shape[1] as number) * bits) % 32 === 0;
  require(whole, words, `is of ${shown(bits)} bits, which are not read`, source.folder);
  return bits as NativePacking["bits"];
}
