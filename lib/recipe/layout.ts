// Which models go into which layers: `models`, `slices` or `modules`, with their layer ranges and parameters.

import { describe } from "./describe.js";
import type { Path } from "./located.js";
import { METHODS } from "./methods.js";
import { type ModelContext, readModel, readOptionalModel } from "./modelValue.js";
import type { Problems } from "./problems.js";
import type { ModelsShape, RecipeShape, SliceShape } from "./shape.js";
import type { Parameters, RecipeModule, RecipeSlice, RecipeSource } from "./types.js";
import { readParameters, type ValueContext } from "./values.js";

export type LayoutContext = ModelContext & ValueContext;

/** A module with the places of its parts, for the checks that follow. */
export interface PlacedModule extends RecipeModule {
  readonly slices: readonly PlacedSlice[];
}
export interface PlacedSlice extends RecipeSlice {
  readonly path: Path;
  readonly sources: readonly PlacedSource[];
}
export interface PlacedSource extends RecipeSource {
  readonly path: Path;
}

/** No models beside the base. */
const ALONE: PlacedModule = {
  name: "",
  whole: true,
  slices: [{ sources: [], parameters: {}, path: [] }],
  parameters: {},
};

/** Reads the one of `models`, `slices` and `modules` that is there. */
export function readModules(shape: RecipeShape, context: LayoutContext): readonly PlacedModule[] {
  const modules = Object.entries(shape.modules ?? {});
  // An empty list or mapping counts as absent.
  const given = [
    ...(shape.models?.length ? ["models"] : []),
    ...(shape.slices?.length ? ["slices"] : []),
    ...(modules.length > 0 ? ["modules"] : []),
  ];
  // LoX changes the aligned model alone, which is its base.
  const isAlone = METHODS[context.method].prepared !== undefined && METHODS[context.method].inputs.max === 1;
  if (given.length === 0 && isAlone) return [ALONE];
  if (given.length !== 1) {
    const said = given.length === 0 ? "none of them is there" : `${given.join(" and ")} are there`;
    const place: Path = given[1] === undefined ? [] : [given[1]];
    context.problems.add(
      place,
      `exactly one of \`models\`, \`slices\` and \`modules\` is needed; ${said}`,
      undefined,
      "key",
    );
    return [];
  }
  if (modules.length === 0) return [readModule("", shape, [], {}, context)];
  return modules.flatMap(([name, module]) => {
    const path = ["modules", name];
    const count = Number((module.models?.length ?? 0) > 0) + Number((module.slices?.length ?? 0) > 0);
    if (count === 1) {
      const parameters = readParameters(module.parameters, [...path, "parameters"], false, context);
      return [readModule(name, module, path, parameters, context)];
    }
    context.problems.add(path, "exactly one of `models` and `slices` is needed in a module", undefined, "key");
    return [];
  });
}

function readModule(
  name: string,
  shape: { models?: ModelsShape | null | undefined; slices?: SliceShape[] | null | undefined },
  path: Path,
  parameters: Parameters,
  context: LayoutContext,
): PlacedModule {
  const whole = (shape.models?.length ?? 0) > 0;
  const slices = whole
    ? [readWhole(shape.models ?? [], [...path, "models"], context)]
    : (shape.slices ?? []).map((slice, index) => readSlice(slice, [...path, "slices", index], context));
  return { name, slices, whole, parameters };
}

function readWhole(models: ModelsShape, path: Path, context: LayoutContext): PlacedSlice {
  const sources = models.map((entry, index) => readSource(entry, [...path, index], context));
  return { sources: sources.filter((source) => source !== undefined), parameters: {}, path };
}

function readSlice(slice: SliceShape, path: Path, context: LayoutContext): PlacedSlice {
  const { problems } = context;
  const sources = slice.sources.map((entry, index) => readSource(entry, [...path, "sources", index], context));
  const baseModel = readOptionalModel(slice.base_model, [...path, "base_model"], context);
  const parameters = readParameters(slice.parameters, [...path, "parameters"], false, context);
  if (slice.residual_weight !== undefined && slice.residual_weight !== null) {
    problems.warn("`residual_weight` has no effect: it is ignored");
  }
  const known = sources.filter((source) => source !== undefined);
  checkSpans(known, problems);
  return { sources: known, parameters, path, ...(baseModel === undefined ? {} : { baseModel }) };
}

function checkSpans(sources: readonly PlacedSource[], problems: Problems): void {
  const [first] = sources;
  const span = ({ layerRange }: PlacedSource) => (layerRange === undefined ? 0 : layerRange[1] - layerRange[0]);
  for (const source of sources.slice(1)) {
    if (first === undefined || !first.layerRange || !source.layerRange || span(source) === span(first)) continue;
    problems.add(
      [...source.path, "layer_range"],
      `spans ${span(source)} layers, the first source of this slice ${span(first)}`,
      "all sources of a slice span the same number of layers",
    );
  }
}

function readSource(
  entry: { model: unknown; layer_range?: unknown; parameters?: unknown },
  path: Path,
  context: LayoutContext,
): PlacedSource | undefined {
  const model = readModel(entry.model, [...path, "model"], context);
  const parameters = readParameters(entry.parameters, [...path, "parameters"], true, context);
  const range = readLayerRange(entry.layer_range, [...path, "layer_range"], context.problems);
  if (model === undefined) return undefined;
  return { model, parameters, path, ...(range === undefined ? {} : { layerRange: range }) };
}

function readLayerRange(raw: unknown, path: Path, problems: Problems): readonly [number, number] | undefined {
  if (raw === undefined) return undefined;
  const ends = Array.isArray(raw) && raw.length === 2 ? raw.map(toLayer) : [];
  const [from, to] = ends;
  if (from === undefined || to === undefined) {
    problems.add(path, `expected two layer numbers \`[first, end)\`, received ${describeRange(raw)}`);
  } else if (from >= to) {
    problems.add(path, `the range [${from}, ${to}) is empty`, "the first layer comes first, the end is not included");
  } else {
    return [from, to];
  }
  return undefined;
}

function toLayer(raw: unknown): number | undefined {
  const value = typeof raw === "string" && /^\d{1,9}$/.test(raw) ? Number(raw) : raw;
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function describeRange(raw: unknown): string {
  if (!Array.isArray(raw)) return describe(raw);
  return raw.length <= 4
    ? `[${raw.map((end) => (typeof end === "object" ? describe(end) : String(end))).join(", ")}]`
    : `${raw.length} values`;
}
