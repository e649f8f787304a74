// The rules that a method sets for the whole recipe: how many models, which base, which parameters, which weights.

import type { LayoutContext, PlacedModule, PlacedSlice, PlacedSource } from "./layout.js";
import type { MethodRecord } from "./methodRecord.js";
import { METHODS } from "./methods.js";
import { sameModel } from "./modelReference.js";
import type { ModelReference, Parameters, Scalar } from "./types.js";

export interface RuleInput {
  readonly modules: readonly PlacedModule[];
  readonly baseModel: ModelReference | undefined;
  readonly parameters: Parameters;
  /** Parameters that the caller sets for every tensor (the points of a sweep): they are never missing. */
  readonly supplied: ReadonlySet<string>;
}

/** Checks every slice of every module. */
export function checkRules(input: RuleInput, context: LayoutContext): void {
  for (const module of input.modules) for (const slice of module.slices) checkSlice(module, slice, input, context);
}

/** One slice with everything that its values may come from. */
interface Scope {
  readonly record: MethodRecord;
  readonly levels: readonly Parameters[];
  /** The inputs that per-model parameters are read for; undefined stands for a base that is in no list. */
  readonly weighed: readonly (PlacedSource | undefined)[];
  readonly slice: PlacedSlice;
}

function checkSlice(module: PlacedModule, slice: PlacedSlice, input: RuleInput, context: LayoutContext): void {
  const { method, problems } = context;
  const record = METHODS[method];
  const base = slice.baseModel ?? input.baseModel;
  const isBase = slice.sources.map((source) => base !== undefined && sameModel(source.model, base));
  const listed = isBase.includes(true);
  const path = slice.path;

  if (base === undefined && record.base === "required") {
    problems.add(module.whole ? [] : path, `${method} needs a \`base_model\``, "add `base_model: …` to the recipe");
    return;
  }
  if (base !== undefined && !listed && !module.whole && record.base !== "ignored") {
    problems.add(
      slice.baseModel === undefined ? path : [...path, "base_model"],
      `the base model ${base.text} is not among the sources of this slice`,
      "list it under `sources` with its layer_range",
    );
    return;
  }
  // In `models`, a base that is not listed is one more input; in `slices`, only sources are.
  const appended = base !== undefined && !listed && module.whole;
  const total = slice.sources.length + Number(appended);
  const hasBase = base !== undefined && (listed || appended);
  checkCount(record, total, hasBase, slice, context);

  const baseAt = isBase.indexOf(true);
  const weighed: (PlacedSource | undefined)[] = slice.sources.filter((_, i) => record.baseIsInput || i !== baseAt);
  if (appended && record.baseIsInput) weighed.push(undefined);
  const scope: Scope = { record, levels: [slice.parameters, module.parameters, input.parameters], weighed, slice };
  checkRequired(scope, base, input.supplied, context);
  checkWeights(scope, input.supplied, context);
  checkRanked(scope, context);
}

function checkCount(
  record: MethodRecord,
  total: number,
  hasBase: boolean,
  slice: PlacedSlice,
  context: LayoutContext,
): void {
  const { method, problems } = context;
  const counts = [
    { count: record.inputs, found: total, what: hasBase ? "models, the base included" : "models" },
    { count: record.nonBase, found: total - Number(hasBase), what: "models beside the base" },
  ];
  for (const { count, found, what } of counts) {
    if (count === undefined) continue;
    const { min, max = Number.POSITIVE_INFINITY } = count;
    if (found >= min && found <= max) continue;
    const wanted = min === max ? `exactly ${min}` : found < min ? `at least ${min}` : `at most ${max}`;
    problems.add(slice.path, `${method} needs ${wanted} ${what}; there ${found === 1 ? "is" : "are"} ${found}`);
    return;
  }
}

function checkRequired(
  { record, levels, weighed, slice }: Scope,
  base: ModelReference | undefined,
  supplied: ReadonlySet<string>,
  { method, problems }: LayoutContext,
): void {
  const given = (name: string) => supplied.has(name) || levels.some((level) => Object.hasOwn(level, name));
  for (const [name, { required }] of Object.entries(record.global)) {
    if (!required || given(name)) continue;
    problems.add(
      [],
      `missing required parameter \`${name}\` of ${method}`,
      `add \`parameters: {${name}: …}\` to the recipe itself; a value under one of its models does not count`,
    );
  }
  for (const [name, { required }] of Object.entries(record.perModel)) {
    if (!required || given(name)) continue;
    for (const source of weighed) {
      if (source !== undefined && Object.hasOwn(source.parameters, name)) continue;
      const model = source?.model.text ?? base?.text ?? "";
      problems.add(
        source?.path ?? slice.path,
        `missing required parameter \`${name}\` of ${method} for ${model}`,
        source === undefined
          ? "the base model is an input of this method; list it with its parameters"
          : `add \`parameters: {${name}: …}\` to this model or to the recipe`,
      );
    }
  }
}

/** The value of a parameter where it is one plain scalar for all tensors; undefined where it depends. */
function constant(levels: readonly Parameters[], name: string, fallback?: Scalar): Scalar | undefined {
  const values = levels.find((level) => Object.hasOwn(level, name))?.[name];
  if (values === undefined) return fallback;
  const [first] = values;
  return first === undefined || first.filter !== undefined || typeof first.value === "object" ? undefined : first.value;
}

function checkWeights(
  { record, levels, weighed, slice }: Scope,
  supplied: ReadonlySet<string>,
  context: LayoutContext,
): void {
  const { method, problems } = context;
  const switchName = method === "linear" ? "normalize" : method === "multislerp" ? "normalize_weights" : undefined;
  if (switchName === undefined || supplied.has("weight") || supplied.has(switchName)) return;
  if (method === "multislerp" && weighed.length === 1) return; // one model is itself, whatever its weight
  if (constant(levels, switchName, record.global[switchName]?.default) !== true) return;
  const weights = weighed.map((source) => constant(source ? [source.parameters, ...levels] : levels, "weight"));
  const numbers = weights.filter((weight) => typeof weight === "number");
  if (numbers.length === 0 || numbers.length < weights.length || !sumIsZero(numbers)) return;
  problems.add(
    slice.path,
    `the weights sum to zero, and \`${switchName}\` divides by their sum`,
    `change the weights, or set \`${switchName}: false\``,
  );
}

/** True if the sum is zero but for the rounding of the addition, as in 0.1 + 0.2 - 0.3. */
export function sumIsZero(weights: readonly number[]): boolean {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const size = weights.reduce((total, weight) => total + Math.abs(weight), 0);
  return Math.abs(sum) <= size * weights.length * Number.EPSILON;
}

/** Densities outside (0, 1] have a meaning; the planner warns of them, for gradients and filters as well. */
function checkRanked({ record, levels, weighed }: Scope, { method, problems }: LayoutContext): void {
  if (record.taskArithmetic?.sparsifier !== "ranked") return;
  for (const source of weighed) {
    const all = source ? [source.parameters, ...levels] : levels;
    const density = constant(all, "density");
    const epsilon = constant(all, "epsilon", record.perModel.epsilon?.default);
    if (typeof density !== "number" || typeof epsilon !== "number") continue;
    const message = rankedRangeProblem(density, epsilon);
    const model = source?.model.text ?? "the base model";
    if (message !== undefined) problems.add(source?.path ?? [], `${method}, ${model}: ${message}`);
  }
}

/** DELLA's keep probabilities run from density - epsilon to density + epsilon; says if they leave (0, 1). */
export function rankedRangeProblem(density: number, epsilon: number): string | undefined {
  if (density >= 1 || density <= 0) return undefined;
  if (density - epsilon > 0 && density + epsilon < 1) return undefined;
  return `density ${density} ± epsilon ${epsilon} must lie between 0 and 1`;
}
