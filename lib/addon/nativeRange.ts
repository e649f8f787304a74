// Where stored elements of a plan lie, and how their bytes become numbers.

import type { Dtype } from "./dtype.js";

/** A run of stored elements. */
export interface NativeRange {
  readonly input: number;
  readonly offset: number;
  readonly dtype: Dtype;
  readonly count: number;
  /** How its bytes become numbers of `dtype`. Absent: they are elements of `dtype`, in order. */
  readonly encoding?: NativeEncoding;
}

/** Formats of blocks with scales of their own, by GGUF's names (native/core/block_format.h). */
export type BlockFormatName = "Q8_0" | "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q4_K" | "Q5_K" | "Q6_K";

/** @typeParam R how a range beside the elements is named: by a plan's input here, by a checkpoint's file before. */
export interface NativeEncoding<R = NativeRange> {
  readonly kind: "elements" | "blocks" | "codes";
  /** Of blocks: their format. A stored row is of whole blocks. */
  readonly blocks?: BlockFormatName;
  /** Of codes: what they are and what scales them. */
  readonly codes?: NativeCodes<R>;
  /** Elements of a stored row. */
  readonly row: number;
  /** Of rows in groups of so many, the halves of a group are stored in turn: row j of the first, row j of the second. */
  readonly interleave?: number;
  /** The columns are the stored rows. */
  readonly transposed?: boolean;
  /** Of elements that are some of those that are stored, or others' order: the sides, outermost first. */
  readonly view?: readonly NativeSide[];
  /** Added to each value. */
  readonly plus?: number;
}

/** So many elements, each so many stored elements behind the one before; 0: the same one. */
export interface NativeSide {
  readonly length: number;
  readonly stride: number;
}

/**
 * How codes of a matrix are packed (native/core/codes.h): streams of bits in 32-bit words, lowest first, one for each row, or
 * (`alongRows`) for each column. In bytes: `step` from one word of a stream to the next, `pitch` from one stream to the next.
 */
export interface NativePacking {
  readonly bits: 2 | 3 | 4 | 8;
  readonly alongRows: boolean;
  /** Of two codes in a byte the first is the high one (bitsandbytes). */
  readonly highFirst?: boolean;
  /** Codes 0, 2, 4, 6, 1, 3, 5, 7 of each eight in turn (AWQ). */
  readonly interleaved?: boolean;
  readonly step: number;
  readonly pitch: number;
}

/** A number for each block of a matrix: element (r, c) has the one at floor(r / rowBlock) rowStride + (group of c) colStride. */
export interface NativeGrid<R = NativeRange> {
  /** Of packed numbers, dtype U8 and bytes. */
  readonly range: R;
  readonly rowBlock: number;
  readonly colBlock: number;
  readonly rowStride: number;
  readonly colStride: number;
  /** Along the rows; its pitch is from one group to the next. */
  readonly packing?: NativePacking;
  /** To each packed number; modulo 2^bits with `wraps`. */
  readonly add?: number;
  readonly wraps?: boolean;
}

/** Quantised weights: (code + add - zero) scale, rounded to `product`, times `factor`, all in float32, then the range's dtype. */
export interface NativeCodes<R = NativeRange> {
  readonly kind: "unsigned" | "signed8" | "e4m3" | "e5m2" | "table";
  readonly packing: NativePacking;
  readonly table?: readonly number[];
  readonly add?: number;
  readonly rows: number;
  readonly cols: number;
  /** Along the columns. */
  readonly groups: number;
  readonly scale: NativeGrid<R>;
  readonly zero?: NativeGrid<R>;
  /** I32, one a column; absent: columns are in the order of their groups. */
  readonly groupOfColumn?: R;
  /** Scales that are bytes: table[byte] times the absmax of its block of scales, plus a constant. */
  readonly nested?: {
    readonly absmax: R;
    readonly block: number;
    readonly table: readonly number[];
    readonly plus: number;
  };
  readonly factor?: number;
  readonly product?: Dtype;
}
