// One output tensor: from the inputs' operands to the engine's operation, its sources and its dtype.

import type { Dtype } from "../addon/dtype.js";
import type { NativeParams, NativeTensor } from "../addon/nativePlan.js";
import { METHODS, type MethodName } from "../recipe/methods.js";
import { checkParams, type Misfits, mayBeMissing } from "./checks.js";
import { isFloat, promote } from "./dtypes.js";
import type { InputFiles } from "./inputFiles.js";
import type { OutputSlot } from "./layers.js";
import { isBuffer, type Operand } from "./operands.js";
import { methodParams, type SlotParameters } from "./params.js";
import { type RoundingRules, sourceOf } from "./parts.js";
import type { VocabularyPlan } from "./request.js";
import { isCopy, type Operation, simplify } from "./simplify.js";

/** A tensor that has everything but its place in the output. */
export interface DraftTensor extends Omit<NativeTensor, "variants"> {
  readonly params: NativeParams;
  /** The models it is made from, in the order of its sources. */
  readonly models: readonly string[];
  /** Operands whose bytes must be the same, which only reading them can show. */
  readonly identical: readonly Operand[];
}

/** Whether the output has the bytes of an input: what becomes codes has not. */
export function isTakenOver({ params, form, scalesOf }: DraftTensor): boolean {
  return params.op === "copy" && !form?.blocks && !form?.codes && scalesOf === undefined;
}

export interface TensorContext {
  readonly method: MethodName;
  readonly files: InputFiles;
  readonly rules: RoundingRules & { readonly outDtype: Dtype | undefined };
  readonly vocabulary: VocabularyPlan | undefined;
  /** Names whose first dimension is the vocabulary. */
  readonly vocabularyNames: ReadonlySet<string>;
  /** Rows to cut the tensors of the vocabulary to, with --unsafe-truncate-embeddings. */
  readonly truncateTo: number | undefined;
  readonly misfits: Misfits;
  readonly warn: (text: string) => void;
}

/**
 * Drafts the tensor of a slot; undefined where the inputs do not fit (`misfits` knows why).
 * @param given by input; undefined for an input that lacks the tensor
 * @param elsewhere operands of the same tensor in models outside the slot, for the rows of a new vocabulary
 */
export function draftTensor(
  whole: OutputSlot,
  given: readonly (Operand | undefined)[],
  elsewhere: ReadonlyMap<string, Operand>,
  parameters: SlotParameters,
  context: TensorContext,
): DraftTensor | undefined {
  const { slot, operands } = withoutMisfits(whole, given, context.warn);
  const present = operands.filter((operand) => operand !== undefined);
  const [first] = present;
  if (!first) return undefined;
  if (present.length < operands.length && !mayBeMissing(slot.name, operands)) {
    context.misfits.missing(slot, operands);
    return undefined;
  }
  const shape = commonShape(slot, present, context);
  if (!shape) return undefined;
  const dtypes = present.map(({ tensor }) => tensor.stored.dtype);
  if (!dtypes.every(isFloat)) return integers(slot, present, shape, context);

  const { dtype, outDtype } = context.rules;
  // An optional source adds to what the others are, and widens nothing.
  const widening = present.filter(({ input }) => !input.source.optional);
  const promoted = promote(widening.map(({ promotes }) => promotes));
  const { base, others, params } = arrange(slot, present, operands.length, parameters, context);
  const sources = base ? [base, ...others] : others;
  const operation = simplify(params, sources.length);
  const kept = operation.keep.flatMap((index) => sources[index] ?? []);
  return finish(slot, kept, operation, elsewhere, context, {
    shape,
    compute: (dtype ?? promoted) === "F64" ? "F64" : "F32",
    outDtype: outDtype ?? dtype ?? promoted,
  });
}

/** Without the optional inputs that lack the tensor, or have it in another shape than the others. */
function withoutMisfits(
  slot: OutputSlot,
  operands: readonly (Operand | undefined)[],
  warn: TensorContext["warn"],
): { readonly slot: OutputSlot; readonly operands: readonly (Operand | undefined)[] } {
  const isOptional = slot.inputs.map(({ source }) => Boolean(source.optional));
  if (!isOptional.includes(true)) return { slot, operands };
  const needed = operands.find((operand, at) => operand && !isOptional[at]);
  const shape = String(needed?.tensor.stored.shape);
  const fits = operands.map((operand, at) => {
    if (!isOptional[at]) return true;
    const same = operand && String(operand.tensor.stored.shape) === shape;
    if (operand && needed && !same) {
      warn(`${slot.name} of ${operand.input.source.model.text} has another shape: the tensor is made without it`);
    }
    return same;
  });
  const kept = <V>(values: readonly V[]): V[] => values.filter((_, at) => fits[at]);
  const inputs = { inputs: kept(slot.inputs), inputNames: kept(slot.inputNames) };
  return { slot: { ...slot, ...inputs }, operands: kept(operands) };
}

function finish(
  slot: OutputSlot,
  kept: readonly Operand[],
  operation: Operation,
  elsewhere: ReadonlyMap<string, Operand>,
  context: TensorContext,
  result: { readonly shape: readonly number[]; readonly compute: "F32" | "F64"; readonly outDtype: Dtype },
): DraftTensor {
  const { files, rules } = context;
  const vocabulary = context.vocabularyNames.has(slot.name) ? context.vocabulary : undefined;
  const native = kept.map((operand) => sourceOf(operand, files, rules, vocabulary, elsewhere));
  const copies = isCopy(operation, native[0], result.outDtype);
  return {
    name: slot.name,
    ...result,
    sources: native,
    modelKeys: kept.map(({ input }) => input.key),
    params: copies ? { op: "copy" } : operation.params,
    models: kept.map(({ input }) => input.source.model.text),
    identical: [],
  };
}

interface Arrangement {
  readonly base: Operand | undefined;
  readonly others: readonly Operand[];
  readonly params: NativeParams;
}

/** Which operand is the base, and the operation, also where an optional tensor is in some inputs only. */
function arrange(
  slot: OutputSlot,
  present: readonly Operand[],
  inputs: number,
  parameters: SlotParameters,
  { method, warn }: TensorContext,
): Arrangement {
  const { base: need, optionalTensor } = METHODS[method];
  const base = need === "ignored" ? undefined : present.find(({ input }) => input.isBase);
  const others = present.filter((operand) => operand !== base);
  const alone = (operand: Operand): Arrangement => {
    return { base: undefined, others: [operand], params: { op: "linear", weights: [1], normalize: false } };
  };
  if (present.length < inputs) {
    const [other] = others;
    if (optionalTensor === "base" && base) return alone(base);
    // A buffer is computed, not learned: one model's is as good as any, and must not be scaled by a weight.
    if (present.length === 1 && present[0] && isBuffer(slot.name)) return alone(present[0]);
    if (present.length === 1 && optionalTensor !== "drop" && present[0]) return alone(present[0]);
    if (need === "required" && (!base || !other || optionalTensor !== "drop")) {
      const taken = base ?? (other as Operand);
      if (!base) warn(`${slot.name} is not in the base model; ${taken.input.source.model.text}'s is copied`);
      return alone(taken);
    }
    if (method === "nuslerp" && others.length === 1 && other) return alone(other);
  } else if (need === "required" && base && others.length === 0) {
    return alone(base); // the base is the only model: there is no change to add
  }
  const params = methodParams(method, parameters, base, others);
  checkParams(method, params, slot.name, warn);
  return { base, others, params };
}

/** Integers and booleans are never computed with. */
function integers(
  slot: OutputSlot,
  present: readonly Operand[],
  shape: readonly number[],
  context: TensorContext,
): DraftTensor | undefined {
  const leader = present.find(({ input }) => input.isBase) ?? (present[0] as Operand);
  const { dtype } = leader.tensor.stored;
  if (present.some(({ tensor }) => tensor.stored.dtype !== dtype)) {
    context.misfits.dtypes(slot, present);
    return undefined;
  }
  const copy: Operation = { params: { op: "linear", weights: [1], normalize: false }, keep: [0] };
  const draft = finish(slot, [leader], copy, new Map(), context, { shape, compute: "F32", outDtype: dtype });
  return { ...draft, params: { op: "copy" }, identical: present.length > 1 ? present : [] };
}

/** The output's shape; rows of the vocabulary may differ where a rule says what becomes of them. */
function commonShape(
  slot: OutputSlot,
  present: readonly Operand[],
  { vocabularyNames, vocabulary, truncateTo, misfits }: TensorContext,
): readonly number[] | undefined {
  const shapes = present.map(({ tensor }) => tensor.stored.shape);
  const [first = []] = shapes;
  const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((n, i) => n === b[i]);
  const isVocabulary = vocabularyNames.has(slot.name);
  if (isVocabulary && !shapes.every((shape) => same(shape.slice(1), first.slice(1)))) {
    misfits.shapes(slot, present);
    return undefined;
  }
  if (isVocabulary && vocabulary) {
    const short = present.filter(({ input, tensor }) => {
      return !vocabulary.gathers.has(input.source.model.text) && (tensor.stored.shape[0] ?? 0) < vocabulary.size;
    });
    if (short.length === 0) return [vocabulary.size, ...first.slice(1)];
    misfits.vocabularies(slot, short);
    return undefined;
  }
  if (isVocabulary && truncateTo !== undefined) return [Math.min(truncateTo, first[0] ?? 0), ...first.slice(1)];
  if (shapes.every((shape) => same(shape, first))) return first;
  if (isVocabulary) misfits.vocabularies(slot, present);
  else misfits.shapes(slot, present);
  return undefined;
}
