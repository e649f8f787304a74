// The value of a parameter for one tensor: which level says it, which filter matches, where the gradient stands.

import { RetemperError } from "../errors.js";
import { interpolateGradient } from "./gradient.js";
import type { ParameterRecord } from "./methodRecord.js";
import { findParameter } from "./methods.js";
import type { Parameters, ParsedRecipe, RecipeModule, RecipeSlice, RecipeSource, Scalar } from "./types.js";

/**
 * Reads parameters of one slice. `t` is the tensor's layer in the slice over its layers less one, in [0, 1];
 * 1 in a slice of one layer, 0 for a tensor of no layer.
 *
 * Every getter throws RetemperError BAD_RECIPE if a required parameter has no value for this tensor.
 */
export interface ParameterReader {
  /** A parameter of the whole merge; filters test the output tensor's name. Undefined: unset and without default. */
  global(name: string, outputName: string, t: number): Scalar | undefined;
  globalNumber(name: string, outputName: string, t: number): number;
  globalBoolean(name: string, outputName: string, t: number): boolean;
  globalText(name: string, outputName: string, t: number): string;
  /**
   * A per-model parameter of one input; filters at every level test that input's tensor name.
   *
   * @param source undefined for a base model that the recipe lists nowhere
   */
  forSource(source: RecipeSource | undefined, name: string, inputName: string, t: number): Scalar | undefined;
  sourceNumber(source: RecipeSource | undefined, name: string, inputName: string, t: number): number;
}

/** A reader with the precedence source, slice, module, recipe, default. */
export function createParameterReader(recipe: ParsedRecipe, module: RecipeModule, slice: RecipeSlice): ParameterReader {
  const { method } = recipe;
  const shared = [slice.parameters, module.parameters, recipe.parameters];

  const recordOf = (name: string, perModel: boolean): ParameterRecord => {
    const found = findParameter(method, name);
    if (found === undefined || found.perModel !== perModel) {
      throw new RetemperError("INTERNAL", `${method} has no ${perModel ? "per-model" : "global"} parameter ${name}`);
    }
    return found.record;
  };

  const read = (levels: readonly Parameters[], name: string, tensor: string, t: number, record: ParameterRecord) => {
    for (const level of levels) {
      const value = matching(level, name, tensor, t);
      // Between two whole numbers a gradient of an integer parameter rounds.
      if (value !== undefined)
        return record.type === "integer" && typeof value === "number" ? Math.round(value) : value;
    }
    return record.default;
  };

  const missing = (name: string, tensor: string, model: string): RetemperError =>
    new RetemperError("BAD_RECIPE", `missing required parameter \`${name}\` of ${method}${model}`, {
      file: recipe.file,
      tensor,
      hint: `no filter matches this tensor; add an entry without a filter: \`${name}: [{filter: …, value: …}, {value: …}]\``,
    });

  const global: ParameterReader["global"] = (name, outputName, t) => {
    const record = recordOf(name, false);
    const value = read(shared, name, outputName, t, record);
    if (value === undefined && record.required) throw missing(name, outputName, "");
    return value;
  };

  const forSource: ParameterReader["forSource"] = (source, name, inputName, t) => {
    const record = recordOf(name, true);
    const levels = source === undefined ? shared : [source.parameters, ...shared];
    const value = read(levels, name, inputName, t, record);
    if (value === undefined && record.required)
      throw missing(name, inputName, source ? ` for ${source.model.text}` : " for the base model");
    return value;
  };

  return {
    global,
    forSource,
    globalNumber: (name, outputName, t) => asNumber(global(name, outputName, t), name, outputName, recipe),
    globalBoolean(name, outputName, t) {
      const value = global(name, outputName, t);
      if (typeof value === "boolean") return value;
      throw wrongType(name, "true or false", value, outputName, recipe);
    },
    globalText(name, outputName, t) {
      const value = global(name, outputName, t);
      if (typeof value === "string") return value;
      throw wrongType(name, "text", value, outputName, recipe);
    },
    sourceNumber: (source, name, inputName, t) =>
      asNumber(forSource(source, name, inputName, t), name, inputName, recipe),
  };
}

/** The first entry whose filter matches; undefined if none does, and the next level is asked. */
function matching(level: Parameters, name: string, tensor: string, t: number): Scalar | undefined {
  const entries = Object.hasOwn(level, name) ? level[name] : undefined;
  const entry = entries?.find(({ filter }) => filter === undefined || filter === "*" || tensor.includes(filter));
  if (entry === undefined) return undefined;
  return typeof entry.value === "object" ? interpolateGradient(entry.value, t) : entry.value;
}

function asNumber(value: Scalar | undefined, name: string, tensor: string, recipe: ParsedRecipe): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw wrongType(name, "a finite number", value, tensor, recipe);
}

function wrongType(
  name: string,
  wanted: string,
  value: Scalar | undefined,
  tensor: string,
  recipe: ParsedRecipe,
): RetemperError {
  const received = value === undefined ? "nothing" : String(value);
  return new RetemperError("BAD_RECIPE", `parameter \`${name}\`: expected ${wanted}, received ${received}`, {
    file: recipe.file,
    tensor,
  });
}
