// What the readers of quantised formats have in common: the tensors of a checkpoint by name, and how codes, scales and zero
// points become an encoding that the engine decodes (native/core/codes.h).

import type { Dtype } from "../../../addon/dtype.js";
import type { NativeCodes, NativeGrid, NativePacking } from "../../../addon/nativePlan.js";
import { RetemperError } from "../../../errors.js";
import { elementsOf } from "../../elementsOf.js";
import type { JsonObject } from "../../json.js";
import type { RawTensor, StoredRange, StoredTensor } from "../../types.js";

/** A checkpoint as its files and its configuration have it. */
export interface QuantisedSource {
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, RawTensor>;
  readonly config: JsonObject;
  /** quantization_config, or compression_config; {} where there is none. */
  readonly settings: JsonObject;
  /** The bytes of a small tensor. */
  readonly read: (tensor: RawTensor) => Uint8Array;
}

/** A weight that was made of several tensors. */
export interface Dequantised {
  readonly tensor: StoredTensor;
  /** Names of the tensors that it was made of, or that say nothing of it any more. */
  readonly uses: readonly string[];
  /** "GPTQ, 4 bits in groups of 128": what its precision is. */
  readonly precision: string;
}

/** Reads what one format has of quantised weights; nothing where it is another one. */
export type QuantisedFormat = (source: QuantisedSource) => Dequantised[];

export type Codes = NativeCodes<StoredRange>;
export type Grid = NativeGrid<StoredRange>;

/** @throws RetemperError BAD_INPUT unless it holds */
export function require(holds: boolean, tensor: RawTensor, message: string, folder: string): asserts holds {
  if (holds) return;
  throw new RetemperError("BAD_INPUT", message, {
    file: folder,
    tensor: tensor.name,
    hint: "Download the model again, or use the unquantised original.",
  });
}

/** A setting of a file in a message. */
export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "no").replaceAll('"', "").slice(0, 40);
}

/** A tensor as elements beside others. */
export function rangeOf(tensor: RawTensor): StoredRange {
  const { file, offset, dtype } = tensor;
  return { file, offset, dtype: dtype as Dtype, count: elementsOf(tensor) };
}

/** A tensor of packed words, as bytes. */
export function bytesOf({ file, offset, bytes }: RawTensor): StoredRange {
  return { file, offset, dtype: "U8", count: bytes };
}

const FLOATS: ReadonlySet<string> = new Set(["F16", "BF16", "F32", "F64"]);

export function isFloat(tensor: RawTensor): boolean {
  return FLOATS.has(tensor.dtype);
}

const CONFIG_DTYPES: ReadonlyMap<unknown, Dtype> = new Map<unknown, Dtype>([
  ["float16", "F16"],
  ["bfloat16", "BF16"],
  ["float32", "F32"],
  ["torch.float16", "F16"],
  ["torch.bfloat16", "BF16"],
  ["torch.float32", "F32"],
]);

/** The dtype of a name of torch's; undefined for what is no float that is merged. */
export function namedDtype(name: unknown): Dtype | undefined {
  return CONFIG_DTYPES.get(name);
}

/** What weights are where they are numbers: what their scales are, but for scales of float32, where the configuration says. */
export function decodedDtype(scale: RawTensor, { config }: QuantisedSource): Dtype {
  if (scale.dtype !== "F32") return scale.dtype as Dtype;
  return namedDtype(config.dtype) ?? namedDtype(config.torch_dtype) ?? "F32";
}

/** Rows of codes that lie one after the other, in bytes. */
export function inRows(bits: NativePacking["bits"], pitch: number): NativePacking {
  return { bits, alongRows: false, step: 4, pitch };
}

/** The tensor that a quantised weight is. */
export function decoded(o: {
  readonly name: string;
  readonly codes: RawTensor;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly encoding: Codes;
}): StoredTensor {
  const { name, codes, shape, dtype, encoding } = o;
  const { file, offset, bytes } = codes;
  return { name, dtype, shape, file, offset, bytes, encoding: { kind: "codes", row: encoding.cols, codes: encoding } };
}

/** A module's tensor by the last part of its name. */
export function partOf(source: QuantisedSource, module: string, part: string): RawTensor | undefined {
  return source.tensors.get(`${module}.${part}`);
}

/** Modules that have a tensor of this last part, with it. */
export function* modulesWith(source: QuantisedSource, part: string): Generator<readonly [string, RawTensor]> {
  for (const [name, tensor] of source.tensors) {
    if (name.endsWith(`.${part}`)) yield [name.slice(0, -part.length - 1), tensor];
  }
}

/**
 * A grid of scales or zero points over a matrix, from its shape: one for all, one a row, or one a block.
 * @param block [rows, columns], where the configuration says
 */
export function gridOf(
  tensor: RawTensor,
  [rows, cols]: readonly [number, number],
  block: readonly [number | undefined, number | undefined],
  folder: string,
): Grid & { readonly groups: number } {
  const count = elementsOf(tensor);
  const range = rangeOf(tensor);
  const whole = { range, rowStride: 0, colStride: 0, rowBlock: 1, colBlock: cols, groups: 1 };
  if (count === 1) return whole;
  const { shape } = tensor;
  const [down, across] = shape.length === 1 ? [count, 1] : [shape[0] as number, shape[1] as number];
  const rowBlock = blockOf(rows, down, block[0]);
  const colBlock = blockOf(cols, across, block[1]);
  const plain = shape.length <= 2 && rowBlock !== undefined && colBlock !== undefined;
  require(plain, tensor, `has the shape [${shape.join(", ")}], which is no grid over [${rows}, ${cols}]`, folder);
  return { range, rowBlock, colBlock, rowStride: across, colStride: 1, groups: across };
}

/** How many elements share one of `parts`. */
function blockOf(elements: number, parts: number, told: number | undefined): number | undefined {
  if (parts === 1) return elements;
  if (told !== undefined && told > 0 && Math.ceil(elements / told) === parts) return told;
  return elements % parts === 0 ? elements / parts : undefined;
}

/** "groups of 128", "blocks of 128 x 128", … */
export function sharing({ rowBlock, colBlock }: Grid, [rows, cols]: readonly [number, number]): string {
  if (rowBlock > 1 && rowBlock < rows) return `with a scale for each ${rowBlock} x ${colBlock}`;
  if (colBlock < cols) return `in groups of ${colBlock}`;
  return "with a scale for each row";
}
