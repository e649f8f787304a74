// bitsandbytes. 4 bits (NF4, FP4): a weight is bytes of two codes, the first one high, through a table of 16 values (quant_map),
// times the absmax of its block; absmax may be bytes through a table of 256 itself (nested_quant_map), times nested_absmax, plus
// an offset. 8 bits (LLM.int8): W = code SCB / 127, a scale a row. (Dettmers et al. 2022, 2023; QuantState of bitsandbytes.)

import { RetemperError } from "../../../errors.js";
import { elementsOf } from "../../elementsOf.js";
import { parseObject } from "../../json.js";
import type { RawTensor } from "../../types.js";
import {
  type Codes,
  type Dequantised,
  decoded,
  inRows,
  isFloat,
  modulesWith,
  namedDtype,
  partOf,
  type QuantisedSource,
  rangeOf,
  require,
  shown,
} from "./quantisedWeights.js";

/** As bitsandbytes has 1 / 127. */
const INT8_FACTOR = 7.874015718698502e-3;

export function bitsandbytes(source: QuantisedSource): Dequantised[] {
  return [...fourBits(source), ...eightBits(source)];
}

function* fourBits(source: QuantisedSource): Generator<Dequantised> {
  const { folder } = source;
  for (const type of ["nf4", "fp4"]) {
    for (const [name, state] of modulesWith(source, `quant_state.bitsandbytes__${type}`)) {
      const codes = source.tensors.get(name);
      if (!codes) continue;
      const facts = factsOf(state, source);
      const { shape, blocksize: block } = facts;
      const count = elementsOf(facts);
      const dtype = namedDtype(facts.dtype);
      const absmax = partOf(source, name, "absmax");
      const table = partOf(source, name, "quant_map");
      require(dtype !== undefined && count > 0, state, `says the dtype ${shown(facts.dtype)}, or no shape`, folder);
      require(codes.bytes === Math.ceil(count / 2), codes, `has ${codes.bytes} bytes for ${count} elements`, folder);
      const groups = Math.ceil(count / block);
      require(absmax !== undefined && elementsOf(absmax) === groups, absmax ??
        codes, `has not ${groups} scales`, folder);
      require(table !== undefined && elementsOf(table) === 16, table ?? codes, "has no quant_map of 16 values", folder);
      const values = valuesOf(table, source);
      // its kernels give FP4's second zero a sign, which its table does not have
      if (type === "fp4" && values[8] === 0) values[8] = -0;
      const encoding: Codes = {
        ...{ kind: "table", packing: { ...inRows(4, 0), highFirst: true }, table: values },
        ...{ rows: 1, cols: count, groups },
        scale: { range: rangeOf(absmax), rowBlock: 1, colBlock: block, rowStride: 0, colStride: 1 },
        ...nestedOf(name, absmax, facts, source),
      };
      yield {
        tensor: decoded({ name, codes, shape, dtype, encoding }),
        uses: [...source.tensors.keys()].filter((other) => other.startsWith(`${name}.`)),
        precision: `bitsandbytes ${type.toUpperCase()} in blocks of ${block}${absmax.dtype === "U8" ? ", nested" : ""}`,
      };
    }
  }
}

function* eightBits(source: QuantisedSource): Generator<Dequantised> {
  const { folder, config } = source;
  for (const [module, scales] of modulesWith(source, "SCB")) {
    const codes = partOf(source, module, "weight");
    const format = partOf(source, module, "weight_format");
    if (codes?.dtype !== "I8" || codes.shape.length !== 2) continue;
    const [rows, cols] = codes.shape as readonly [number, number];
    const plain = isFloat(scales) && elementsOf(scales) === rows && rows > 0 && cols > 0;
    require(plain, scales, `has not a scale for each of ${rows} rows`, folder);
    // other layouts are of graphics cards, and of versions that are gone
    const inOrder = !format || (format.dtype === "U8" && elementsOf(format) === 1 && source.read(format)[0] === 0);
    require(inOrder, format ?? codes, "is of a layout that is not by rows", folder);
    const dtype = namedDtype(config.dtype) ?? namedDtype(config.torch_dtype) ?? "F32";
    yield {
      tensor: decoded({
        ...{ name: codes.name, codes, shape: codes.shape, dtype },
        encoding: {
          ...{ kind: "signed8", packing: inRows(8, cols), rows, cols, groups: 1, factor: INT8_FACTOR },
          scale: { range: rangeOf(scales), rowBlock: 1, colBlock: cols, rowStride: 1, colStride: 0 },
        },
      }),
      uses: ["SCB", "weight_format"].map((part) => `${module}.${part}`),
      precision: "bitsandbytes int8 with a scale for each row",
    };
  }
}

interface Facts {
  readonly shape: readonly number[];
  readonly blocksize: number;
  readonly dtype: unknown;
  readonly nested_blocksize: unknown;
  readonly nested_offset: unknown;
}

/** What bitsandbytes keeps as JSON in a tensor of bytes. */
function factsOf(state: RawTensor, { read, folder }: QuantisedSource): Facts {
  require(state.dtype === "U8", state, `is ${state.dtype}, not the bytes of a text`, folder);
  const facts = parseObject(state.name, new TextDecoder().decode(read(state)));
  const { shape, blocksize } = facts;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  const sane =
    Array.isArray(shape) && shape.length > 0 && shape.length < 9 && shape.every(isCount) && isCount(blocksize);
  require(sane, state, "has no shape or no blocksize", folder);
  require(Number.isSafeInteger(
    (shape as number[]).reduce((a, b) => a * b, 4),
  ), state, "has a shape that is none", folder);
  return facts as unknown as Facts;
}

function nestedOf(name: string, absmax: RawTensor, facts: Facts, source: QuantisedSource): Partial<Codes> {
  if (absmax.dtype !== "U8") {
    require(isFloat(absmax), absmax, `is ${absmax.dtype}`, source.folder);
    return {};
  }
  const inner = partOf(source, name, "nested_absmax");
  const table = partOf(source, name, "nested_quant_map");
  const { nested_blocksize: block, nested_offset: plus } = facts;
  const told = typeof block === "number" && block > 0 && typeof plus === "number" && Number.isFinite(plus);
  const fits = told && inner && isFloat(inner) && elementsOf(inner) === Math.ceil(elementsOf(absmax) / block);
  require(!!fits &&
    table !== undefined &&
    elementsOf(table) === 256, absmax, "has no scales of its own", source.folder);
  return { nested: { absmax: rangeOf(inner as RawTensor), block, table: valuesOf(table, source), plus } };
}

/** The values of a small table. */
function valuesOf(table: RawTensor, { read, folder }: QuantisedSource): number[] {
  if (table.dtype !== "F32") {
    throw new RetemperError("BAD_INPUT", `is ${table.dtype}, not F32`, { file: folder, tensor: table.name });
  }
  const bytes = read(table);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: elementsOf(table) }, (_, at) => view.getFloat32(4 * at, true));
}
