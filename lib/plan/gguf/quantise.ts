// Which type each tensor of a GGUF file gets: as llama.cpp's converter decides for whole numbers of bits, and
// `llama-quantize` (without an importance matrix) for block formats.

import { RetemperError } from "../../errors.js";

/** What `--quantise` takes. */
export type GgufQuantisation =
  | "f32"
  | "f16"
  | "bf16"
  | "q8_0"
  | "q4_0"
  | "q4_k_s"
  | "q4_k_m"
  | "q5_k_s"
  | "q5_k_m"
  | "q6_k";

export type GgufTypeName = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0" | "Q5_0" | "Q5_1" | "Q4_K" | "Q5_K" | "Q6_K";

interface QuantisationFacts {
  /** general.file_type */
  readonly fileType: number;
  /** Of most matrices. */
  readonly type: GgufTypeName;
}

export const GGUF_QUANTISATIONS: Readonly<Record<GgufQuantisation, QuantisationFacts>> = {
  f32: { fileType: 0, type: "F32" },
  f16: { fileType: 1, type: "F16" },
  bf16: { fileType: 32, type: "BF16" },
  q8_0: { fileType: 7, type: "Q8_0" },
  q4_0: { fileType: 2, type: "Q4_0" },
  q4_k_s: { fileType: 14, type: "Q4_K" },
  q4_k_m: { fileType: 15, type: "Q4_K" },
  q5_k_s: { fileType: 16, type: "Q5_K" },
  q5_k_m: { fileType: 17, type: "Q5_K" },
  q6_k: { fileType: 18, type: "Q6_K" },
};

/** @throws RetemperError USAGE for a name that is none. */
export function ggufQuantisation(name: string): GgufQuantisation {
  const known = Object.keys(GGUF_QUANTISATIONS);
  const found = known.find((one) => one === name.toLowerCase());
  if (found) return found as GgufQuantisation;
  throw new RetemperError("USAGE", `GGUF files are not quantised to ${name}`, { hint: `choose ${known.join(", ")}` });
}

/** Elements of a block. */
const BLOCKS: Readonly<Partial<Record<GgufTypeName, number>>> = {
  ...{ Q8_0: 32, Q4_0: 32, Q5_0: 32, Q5_1: 32 },
  ...{ Q4_K: 256, Q5_K: 256, Q6_K: 256 },
};
/** Where a row is of no whole blocks. */
const INSTEAD: Readonly<Partial<Record<GgufTypeName, GgufTypeName>>> = { Q4_K: "Q5_0", Q5_K: "Q5_1", Q6_K: "Q8_0" };

export interface ModelFacts {
  readonly architecture: string;
  readonly layers: number;
  /** Whether it has a head of its own; else the embedding is the head. */
  readonly hasHead: boolean;
}

/** Whether a tensor is a matrix that products have, by its name in the GGUF file. */
export function isProductMatrix(name: string, shape: readonly number[]): boolean {
  return shape.length >= 2 && name.endsWith(".weight") && !/(_norm|position_embd)\.weight$/.test(name);
}

/** @param name of the tensor in the GGUF file */
export function ggufType(
  name: string,
  shape: readonly number[],
  quantisation: GgufQuantisation,
  model: ModelFacts,
): GgufTypeName {
  if (!isProductMatrix(name, shape)) return "F32";
  const { type } = GGUF_QUANTISATIONS[quantisation];
  const wanted = BLOCKS[type] === undefined ? type : mixed(name, shape, quantisation, model);
  const row = shape.at(-1) ?? 1;
  if (row % (BLOCKS[wanted] ?? 1) === 0) return wanted;
  const other = INSTEAD[wanted];
  return other !== undefined && row % 32 === 0 ? other : "F16";
}

function mixed(
  name: string,
  shape: readonly number[],
  quantisation: GgufQuantisation,
  { architecture, layers, hasHead }: ModelFacts,
): GgufTypeName {
  const { type } = GGUF_QUANTISATIONS[quantisation];
  const whole = (shape.at(-1) ?? 1) % (BLOCKS[type] ?? 1) === 0;
  if (name === (hasHead ? "output.weight" : "token_embd.weight")) return type === "Q8_0" || !whole ? "Q8_0" : "Q6_K";
  const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1);
  const medium = quantisation === "q4_k_m" || quantisation === "q5_k_m";
  if (name.endsWith(".attn_v.weight")) {
    if (medium && getsMoreBits(layer, layers)) return "Q6_K";
    if (quantisation === "q4_k_s" && layer < 4) return "Q5_K";
    // The 70B models have eight heads on each attn_v: more bits cost little there.
    if (type === "Q4_K" && layers === 80 && (architecture === "llama" || architecture === "qwen2")) return "Q5_K";
  }
  if (name.endsWith(".ffn_down.weight")) {
    if (medium && getsMoreBits(layer, layers)) return "Q6_K";
    if (quantisation === "q4_k_s" && layer < Math.floor(layers / 8)) return "Q5_K";
  }
  if (name.endsWith(".attn_qkv.weight") && medium) return quantisation === "q4_k_m" ? "Q5_K" : "Q6_K";
  return type;
}

/** The first and the last eighth of the layers, and every third between. */
function getsMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
