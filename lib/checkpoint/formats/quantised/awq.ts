// AWQ ("gemm"): qweight, int32 words [in, out / 8] of eight 4-bit codes, of which places 0, 2, 4, 6, 1, 3, 5, 7 are eight outputs
// in turn; qzeros, the same [groups, out / 8]; scales [groups, out].
//
// W[o, i] = (q[i, o] - z[g, o]) s[g, o] with g = floor(i / group size), rounded in the dtype of the scales. (Lin et al. 2023;
// AutoAWQ describes the files.)

import { RetemperError } from "../../../errors.js";
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

export function awq(source: QuantisedSource): Dequantised[] {
  const { folder, settings } = source;
  if (settings.quant_method !== "awq") return [];
  const version = settings.version ?? "gemm";
  if (typeof version !== "string" || version.toLowerCase() !== "gemm" || (settings.bits ?? 4) !== 4) {
    throw new RetemperError(
      "BAD_INPUT",
      `the model is quantised: AWQ (${shown(version)}, ${shown(settings.bits)} bits)`,
      {
        file: folder,
        hint: 'Of AWQ, the version "gemm" with 4 bits is read. Use that, or the unquantised original.',
      },
    );
  }
  const found: Dequantised[] = [];
  for (const [module, words] of modulesWith(source, "qweight")) {
    const scales = partOf(source, module, "scales");
    const zeros = partOf(source, module, "qzeros");
    if (!scales || !zeros || words.dtype !== "I32" || words.shape.length !== 2) continue;
    const [cols, stored] = words.shape as readonly [number, number];
    const rows = stored * 8;
    const groups = scales.shape[0] as number;
    const fits = isFloat(scales) && scales.shape.length === 2 && scales.shape[1] === rows && groups > 0 && rows > 0;
    require(fits && cols > 0 && cols % groups === 0, scales, `has the shape [${scales.shape.join(", ")}]`, folder);
    const packed = zeros.dtype === "I32" && zeros.shape[0] === groups && zeros.shape[1] === stored;
    require(packed, zeros, `has the shape [${zeros.shape.join(", ")}], not [${groups}, ${stored}]`, folder);
    const packing = { bits: 4, alongRows: true, interleaved: true, step: 4, pitch: stored * 4 } as const;
    const place = { rowBlock: 1, colBlock: cols / groups, rowStride: 1, colStride: rows };
    found.push({
      tensor: decoded({
        ...{ name: `${module}.weight`, codes: words, shape: [rows, cols], dtype: decodedDtype(scales, source) },
        encoding: {
          ...{ kind: "unsigned", packing, rows, cols, groups },
          scale: { range: rangeOf(scales), ...place },
          zero: { range: bytesOf(zeros), ...place, packing },
          ...(scales.dtype !== "F32" && { product: scales.dtype as "F16" }),
        },
      }),
      uses: ["qweight", "scales", "qzeros"].map((part) => `${module}.${part}`),
      precision: `AWQ, 4 bits in groups of ${cols / groups}`,
    });
  }
  return found;
}
