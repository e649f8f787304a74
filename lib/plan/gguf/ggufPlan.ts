// A merge's plan as a GGUF file: the same tensors by their other names, in the types of a quantisation, their values as
// llama.cpp expects them (rows of q and k interleaved, norms plus one, matrices of GPT-2 turned).

import type { IntegerBlocks, NativeForm, NativeParams } from "../../addon/nativePlan.js";
import { elementsOf } from "../../checkpoint/elementsOf.js";
import { blockBytes, GGUF_TYPES } from "../../checkpoint/formats/gguf/blockFormats.js";
import { ggufName, type OtherName } from "../../checkpoint/formats/gguf/families/families.js";
import type { GgufFamily } from "../../checkpoint/formats/gguf/families/types.js";
import { RetemperError } from "../../errors.js";
import type { BuiltPlan } from "../build.js";
import { elementSize, storageDtype } from "../dtypes.js";
import { INTEGER_WEIGHTS, type IntegerWeights, integerBlocks } from "../integerWeights.js";
import { isBuffer } from "../operands.js";
import type { DraftTensor } from "../tensors.js";
import { type GgufEntry, type GgufTensor, type GgufVector, layOutGguf } from "./container.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation, type GgufTypeName, ggufType, type ModelFacts } from "./quantise.js";

export interface GgufRequest {
  readonly family: GgufFamily;
  /** Heads of queries, and of keys and values. */
  readonly heads: { readonly query: number; readonly key: number };
  readonly layers: number;
  /** Absent: the type of 16 or 32 bits that most values have. */
  readonly quantise: GgufQuantisation | undefined;
  /** What the file says of the model. */
  readonly describe: (facts: GgufFacts) => {
    readonly entries: readonly GgufEntry[];
    readonly vectors: readonly GgufVector[];
  };
}

/** What the metadata says that only the plan knows. */
export interface GgufFacts {
  readonly quantisation: GgufQuantisation;
  readonly parameters: number;
  /** Rows of the embedding. */
  readonly vocabulary: number;
}

/** @throws RetemperError INCOMPATIBLE for tensors that the family does not have in GGUF. */
export function ggufPlan(built: BuiltPlan, { describe, ...request }: GgufRequest): BuiltPlan {
  const quantisation = request.quantise ?? ownType(built.config.dtype);
  const { tensors, left } = typedTensors(built, request, (name, shape, model) =>
    ggufType(name, shape, quantisation, model),
  );
  const stored = tensors.map(({ name, type, draft }): GgufTensor => {
    return { name, shape: draft.shape, type: typeNumber(type), bytes: storedBytes(draft) };
  });
  const { entries, vectors } = describe({
    quantisation,
    parameters: tensors.reduce((sum, { draft }) => sum + elementsOf(draft), 0),
    vocabulary: tensors.find(({ name }) => name === "token_embd.weight")?.draft.shape[0] ?? 0,
  });
  const { header, offsets, paddings, size } = layOutGguf(entries, vectors, stored);
  return {
    ...built,
    tensors: tensors.map(({ draft }, at) => ({ ...draft, form: { ...draft.form, padding: paddings[at] ?? 0 } })),
    layout: {
      shards: [
        {
          fileName: ggufFileName(quantisation),
          header,
          size,
          placed: offsets.map((offset, tensor) => ({ tensor, offset })),
        },
      ],
      totalSize: stored.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    unmatched: [...built.unmatched, ...left],
  };
}

/**
 * The same tensors with the values that they have in a GGUF file, in its blocks or its types of numbers; or in blocks of whole
 * numbers, made of what they would be written as. Names and their order stay the model's, and so do the order of rows and what
 * is added to norms, which change no value.
 * @throws RetemperError INCOMPATIBLE for tensors that the family does not have in GGUF.
 */
export function blocksPlan(
  built: BuiltPlan,
  model: Pick<GgufRequest, "family" | "heads" | "layers">,
  quantise: GgufQuantisation | IntegerWeights,
): BuiltPlan {
  const integers = INTEGER_WEIGHTS.find((one) => one === quantise);
  const { tensors } = typedTensors(built, model, (name, shape, facts) =>
    integers ? integerBlocks(name, shape, integers) : ggufType(name, shape, quantise as GgufQuantisation, facts),
  );
  const typed = new Map(tensors.map(({ source, draft }) => [source, draft]));
  return {
    ...built,
    tensors: built.tensors.map((source): DraftTensor => {
      const { shape, outDtype, form } = typed.get(source) ?? source;
      if (!form?.blocks) return { ...source, outDtype };
      const { blocks, transposed } = form;
      return { ...source, shape, outDtype, form: { blocks, ...(transposed && { transposed }) } };
    }),
  };
}

/** @param typeOf a tensor's type, by its name in the file; undefined: what it is */
function typedTensors<T extends GgufTypeName | IntegerBlocks | undefined>(
  built: BuiltPlan,
  { family, heads, layers }: Pick<GgufRequest, "family" | "heads" | "layers">,
  typeOf: (name: string, shape: readonly number[], model: ModelFacts) => T,
) {
  const { kept, left } = nameTensors(built, family);
  const hasHead = kept.some(({ other }) => other.name === "output.weight");
  const model = { architecture: family.architecture, layers, hasHead };
  const tensors = kept.map(({ draft: source, other }) => {
    const shape = other.change.transposed ? [...source.shape].reverse() : source.shape;
    const type = typeOf(other.name, shape, model);
    const draft = formed({ ...source, shape }, type, formOf(source, other, heads));
    return { name: other.name, type, source, draft };
  });
  return { tensors, left };
}

/** Ends in the quantisation, by which the hub and its clients know a file. */
export function ggufFileName(quantisation: GgufQuantisation): string {
  return `model-${quantisation.toUpperCase()}.gguf`;
}

/** What one tensor of a plan takes in its file. */
export function storedBytes({ shape, outDtype, form }: Pick<DraftTensor, "shape" | "outDtype" | "form">): number {
  const elements = elementsOf({ shape });
  return form?.blocks ? blockBytes(form.blocks, elements) : elements * elementSize(outDtype);
}

function nameTensors({ tensors }: BuiltPlan, family: GgufFamily) {
  const kept: { readonly draft: DraftTensor; readonly other: OtherName }[] = [];
  const left: BuiltPlan["unmatched"][number][] = [];
  const unknown: string[] = [];
  for (const draft of tensors) {
    const other = ggufName(family, draft.name) ?? ggufName(family, `transformer.${draft.name}`);
    if (other && !(other.name === "output.weight" && family.architecture.startsWith("gemma"))) {
      kept.push({ draft, other });
    } else if (other || isBuffer(draft.name)) {
      const reason = other ? "llama.cpp takes the embedding as the head" : "GGUF files do not hold computed buffers";
      left.push(...draft.models.map((model) => ({ model, tensor: draft.name, reason })));
    } else unknown.push(draft.name);
  }
  const [first] = unknown;
  if (first !== undefined) {
    throw new RetemperError(
      "INCOMPATIBLE",
      `GGUF has no place for ${unknown.length} tensors of this ${family.architecture} model:\n  ${unknown.slice(0, 10).join("\n  ")}`,
      { tensor: first, hint: "write safetensors, or merge the language model alone" },
    );
  }
  return { kept, left };
}

function formOf(draft: DraftTensor, { change }: OtherName, heads: GgufRequest["heads"]): NativeForm {
  const { interleavedHeads, plus, transposed } = change;
  if (transposed && worksByRow(draft.params)) {
    throw new RetemperError(
      "INCOMPATIBLE",
      `${draft.name} lies in a GGUF file with rows and columns exchanged, and this method works row by row`,
      { tensor: draft.name, hint: "merge to safetensors, then retemper convert OUT GGUF --format gguf" },
    );
  }
  const [rows = 0] = draft.shape;
  const group = interleavedHeads ? rows / heads[interleavedHeads] : 0;
  if (!Number.isInteger(group) || group % 2 !== 0) {
    throw new RetemperError("INCOMPATIBLE", `${draft.name} has ${rows} rows, which are no whole heads of pairs`, {
      tensor: draft.name,
      hint: "check num_attention_heads and num_key_value_heads in config.json",
    });
  }
  return {
    ...(group > 2 && { interleave: group }),
    ...(plus !== undefined && { plus }),
    ...(transposed && { transposed }),
  };
}

function worksByRow(params: NativeParams): boolean {
  return (
    (params.op === "task_arithmetic" && params.sparsifier === "ranked") ||
    (params.op === "model_stock" && params.filterWise) ||
    (params.op === "nuslerp" && params.axis !== "flat")
  );
}

function formed(draft: DraftTensor, type: GgufTypeName | IntegerBlocks | undefined, form: NativeForm): DraftTensor {
  if (type === undefined) return { ...draft, form };
  if (type === "F32" || type === "F16" || type === "BF16") return { ...draft, outDtype: type, form };
  // As a written file has them: there is none of such blocks.
  if (isInteger(type))
    return { ...draft, outDtype: draft.outDtype === "F64" ? "F32" : draft.outDtype, form: { ...form, blocks: type } };
  return { ...draft, outDtype: "F32", form: { ...form, blocks: type } };
}

function isInteger(type: GgufTypeName | IntegerBlocks): type is IntegerBlocks {
  return type.startsWith("INT");
}

function typeNumber(name: GgufTypeName): number {
  const type = GGUF_TYPES.find((one) => one.name === name);
  if (!type) throw new RetemperError("INTERNAL", `GGUF has no type ${name}`);
  return type.id;
}

/** The narrowest that keeps what most values are. */
function ownType(dtype: string | undefined): GgufQuantisation {
  const stored = dtype === undefined ? "F32" : storageDtype(dtype as Parameters<typeof storageDtype>[0]);
  const found = Object.entries(GGUF_QUANTISATIONS).find(([, { type }]) => type === stored);
  return (found?.[0] ?? "f32") as GgufQuantisation;
}
