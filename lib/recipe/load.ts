// Reads a recipe from a file, from text or from an object, and checks everything that can be said without the models.

import { existsSync } from "node:fs";
import { stringify } from "yaml";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { readAtMost } from "../files/readAtMost.js";
import { shorten } from "./describe.js";
import { readDocument } from "./document.js";
import { type LayoutContext, type PlacedModule, readModules } from "./layout.js";
import { DocumentError, type LocatedDocument } from "./located.js";
import { METHOD_NAMES, METHODS, type MethodName } from "./methods.js";
import type { PathExists } from "./modelReference.js";
import { readOptionalModel } from "./modelValue.js";
import { checkPrepared } from "./preparedRules.js";
import { badRecipe, Problems } from "./problems.js";
import { checkRules } from "./rules.js";
import { checkShape, type RecipeShape } from "./shape.js";
import { suggestion } from "./suggest.js";
import { MAX_TEXT } from "./textLimits.js";
import { readChatTemplate, readTokenizer } from "./tokenizerRequest.js";
import type { FloatDtypeName, ParsedRecipe, Recipe, RecipeModule, WrittenRecipe } from "./types.js";
import { readParameters } from "./values.js";

export interface RecipeOptions {
  /** Ignore unknown keys instead of refusing them. */
  readonly lenient?: boolean | undefined;
  /** Parameters that the caller sets itself, such as the `weight` of a sweep: they may be missing in the recipe. */
  readonly supplied?: readonly string[] | undefined;
  /** Says whether a local path exists (default: the file system); decides how `a@b+c` is read. */
  readonly exists?: PathExists | undefined;
}

const DTYPES: readonly FloatDtypeName[] = ["bfloat16", "float16", "float32", "float64"];

/**
 * Reads a recipe.
 *
 * @param source path of a YAML or JSON file, the YAML or JSON itself, or an object with the same keys
 * @throws RetemperError BAD_RECIPE with file, line and column; IO if the file can not be read
 */
export async function loadRecipe(source: string | Recipe, options: RecipeOptions = {}): Promise<ParsedRecipe> {
  if (typeof source !== "string") return parseObject(source, options);
  if (isRecipeText(source)) return parseRecipe(source, options);
  return parseRecipe(await readText(source), { ...options, file: source });
}

/** True for the text of a recipe, false for the path of one. */
export function isRecipeText(source: string): boolean {
  return source.includes("\n") || /merge_method["']?\s*:/.test(source);
}

/**
 * Parses the text of a recipe.
 *
 * @throws RetemperError BAD_RECIPE with file, line and column
 */
export function parseRecipe(
  text: string,
  options: RecipeOptions & { readonly file?: string | undefined } = {},
): ParsedRecipe {
  return parse(text, options, true);
}

function parseObject(source: unknown, options: RecipeOptions): ParsedRecipe {
  if (typeof source !== "object" || source === null || Array.isArray(source)) {
    throw badRecipe("a recipe is a path, YAML text or an object", undefined, undefined, undefined);
  }
  return parse(textOf(source), options, false);
}

/**
 * Checks a recipe that was read and changed since, and writes its text.
 *
 * @throws RetemperError BAD_RECIPE, without a place
 */
export function parseWritten(written: WrittenRecipe, options: RecipeOptions): ParsedRecipe {
  return parseDocument({ value: written, locate: () => undefined }, writeText(written), options, false);
}

/** The object as YAML, so that one reader checks all forms and the model card has a text. */
export function textOf(source: object): string {
  try {
    // Aliases keep a recursive or bomb-like object small, so that the reader can refuse it.
    const compact = stringify(source, { lineWidth: 0 });
    readDocument(compact);
    return writeText(source);
  } catch (error) {
    const message = error instanceof RangeError ? "the recipe is nested too deeply" : (error as Error).message;
    throw badRecipe(message, undefined, undefined, undefined, error);
  }
}

function writeText(source: object): string {
  return stringify(source, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The text of a recipe's file. @throws RetemperError BAD_RECIPE or IO */
export async function readText(file: string): Promise<string> {
  try {
    const limit = { most: 4 * MAX_TEXT, what: "a recipe", pipes: true, code: "BAD_RECIPE" } as const;
    return new TextDecoder("utf-8", { fatal: true }).decode(await readAtMost(file, limit));
  } catch (error) {
    if (error instanceof RetemperError) throw error;
    if (error instanceof TypeError)
      throw badRecipe("the recipe is not valid UTF-8 text", undefined, file, undefined, error);
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EISDIR") {
      throw badRecipe("this is a folder, not a recipe", undefined, file, "name the YAML file in it");
    }
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") {
      throw badRecipe(
        "no such recipe",
        undefined,
        shorten(file),
        "give a path of a YAML or JSON file, or the YAML itself",
      );
    }
    throw ioError(error, file, "cannot read the recipe");
  }
}

function parse(
  text: string,
  options: RecipeOptions & { readonly file?: string | undefined },
  positions: boolean,
): ParsedRecipe {
  return parseDocument(read(text, options.file), text, options, positions);
}

/**
 * Parses a document that has been read.
 *
 * @param text the recipe's own text, for the model card
 * @param positions false if the document's lines would mislead
 * @throws RetemperError BAD_RECIPE with file, line and column
 */
export function parseDocument(
  document: LocatedDocument,
  text: string,
  { lenient = false, supplied = [], exists = existsSync, file }: RecipeOptions & { readonly file?: string | undefined },
  positions: boolean,
): ParsedRecipe {
  const problems = new Problems(document, file, positions);
  const { value } = document;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.add([], "a recipe is a mapping with `merge_method` and `models`, `slices` or `modules`");
    problems.throwIfAny();
  }
  const shape = checkShape(value, problems, lenient);
  const method = readMethod((value as Record<string, unknown>).merge_method, problems);
  // Without the shape or the method nothing else can be judged.
  if (shape === undefined || method === undefined) {
    problems.throwIfAny();
    throw new RetemperError("INTERNAL", "a recipe without shape and without problems", { file });
  }
  const context: LayoutContext = { method, problems, lenient, exists };
  const modules = readModules(shape, context);
  const baseModel = readOptionalModel(shape.base_model, ["base_model"], context);
  const unalignedModel = readOptionalModel(shape.unaligned_model, ["unaligned_model"], context);
  const safeModel = readOptionalModel(shape.safe_model, ["safe_model"], context);
  const parameters = readParameters(shape.parameters, ["parameters"], false, context);
  const dtype = readDtype(shape, "dtype", problems);
  const outDtype = readDtype(shape, "out_dtype", problems);
  const tokenizer = readTokenizer(shape, context);
  const chatTemplate = readChatTemplate(shape, context);
  // A model or a parameter that was refused would only raise the wrong alarm in the rules.
  if (!problems.any) {
    checkRules({ modules, baseModel, parameters, supplied: new Set(supplied) }, context);
    checkPrepared({ modules, baseModel, unalignedModel, safeModel, parameters }, context);
  }
  problems.throwIfAny();
  return {
    method,
    ...(baseModel === undefined ? {} : { baseModel }),
    ...(unalignedModel && METHODS[method].prepared?.unaligned && { unalignedModel }),
    ...(safeModel && METHODS[method].prepared?.safe && { safeModel }),
    modules: modules.map(withoutPlaces),
    parameters,
    ...(dtype === undefined ? {} : { dtype }),
    ...(outDtype === undefined ? {} : { outDtype }),
    ...(tokenizer === undefined ? {} : { tokenizer }),
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    written: value as WrittenRecipe,
    text,
    ...(file === undefined ? {} : { file }),
    warnings: problems.warnings,
  };
}

function read(text: string, file: string | undefined): LocatedDocument {
  try {
    return readDocument(text);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw badRecipe(error.message, error.at, file, error.hint, error);
  }
}

function readMethod(raw: unknown, problems: Problems): MethodName | undefined {
  // A missing or mistyped key is reported with the shape.
  if (typeof raw !== "string") return undefined;
  const known: readonly string[] = METHOD_NAMES;
  if (known.includes(raw)) return raw as MethodName;
  problems.add(["merge_method"], `unknown merge method \`${shorten(raw)}\``, suggestion(raw, known));
  return undefined;
}

function readDtype(shape: RecipeShape, key: "dtype" | "out_dtype", problems: Problems): FloatDtypeName | undefined {
  const raw = shape[key];
  if (raw === undefined || raw === null) return undefined;
  const name = raw.replace(/^torch\./, "");
  const found = DTYPES.find((dtype) => dtype === name);
  if (found === undefined) {
    const short: Record<string, string> = {
      bf16: "bfloat16",
      fp16: "float16",
      half: "float16",
      f16: "float16",
      fp32: "float32",
      f32: "float32",
    };
    const meant = Object.hasOwn(short, name) ? `did you mean \`${short[name]}\`?` : suggestion(name, DTYPES);
    problems.add([key], `unknown dtype \`${shorten(raw)}\``, meant);
  }
  return found;
}

/** The places served the checks; what leaves this file is plain data. */
function withoutPlaces(module: PlacedModule): RecipeModule {
  return {
    ...module,
    slices: module.slices.map(({ path: _path, ...slice }) => ({
      ...slice,
      sources: slice.sources.map(({ path: _place, ...source }) => source),
    })),
  };
}
