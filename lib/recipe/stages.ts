// Recipes in several documents: each has a `name:`, by which later ones use its result as a model. The document without a
// name, else the last one, is the final output.

import { shorten } from "./describe.js";
import { readDocuments, type SeparateDocument } from "./document.js";
import { isRecipeText, parseDocument, type RecipeOptions, readText, textOf } from "./load.js";
import { DocumentError, type LocatedDocument } from "./located.js";
import { badRecipe } from "./problems.js";
import { namedModels } from "./references.js";
import type { ParsedRecipe, Recipe } from "./types.js";

/** One document of a recipe. */
export interface RecipeStage {
  /** Undefined for a final document without a name. */
  readonly name: string | undefined;
  readonly recipe: ParsedRecipe;
  /** Names of the stages whose results it reads. */
  readonly uses: readonly string[];
}

export interface StagedRecipe {
  readonly final: RecipeStage;
  /** The stages that the final one needs, by name, each after those that it uses. */
  readonly stages: ReadonlyMap<string, RecipeStage>;
  /** Named stages that nothing leads to. */
  readonly unused: readonly RecipeStage[];
}

/** A document, the text that stands for it, and where it begins. */
interface Part {
  readonly document: LocatedDocument;
  readonly text: (withName: boolean) => string;
  readonly positions: boolean;
}

export interface StagedOptions extends RecipeOptions {
  /** Parameters that the caller sets in the final document. */
  readonly supplied?: readonly string[] | undefined;
  /** The file that an object or a text stands in. */
  readonly file?: string | undefined;
}

/**
 * Reads a recipe of one or several documents.
 *
 * @param source path of a file, YAML text, an object, or a list of objects
 * @throws RetemperError BAD_RECIPE with file, line and column; IO
 */
export async function loadStages(
  source: string | Recipe | readonly Recipe[],
  options: StagedOptions = {},
): Promise<StagedRecipe> {
  if (typeof source !== "string") {
    const list: readonly object[] = Array.isArray(source) ? source : [source];
    return readStages(
      list.map((recipe) => objectPart(recipe)),
      options,
    );
  }
  if (isRecipeText(source)) return stagesOfText(source, options);
  return stagesOfText(await readText(source), { ...options, file: source });
}

/** The stages of a part of a larger document, such as an entry of a manifest: lines are those of the whole. */
export function stagesWithin(
  whole: LocatedDocument,
  path: readonly PropertyKey[],
  options: StagedOptions,
): StagedRecipe {
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], whole.value);
  const places = Array.isArray(value) ? value.map((_, index) => [...path, index]) : [path];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return readStages(
    values.map((one, index) => {
      const place = places[index] as readonly PropertyKey[];
      const document: LocatedDocument = {
        value: one,
        locate: (inner, part) => whole.locate([...place, ...inner], part),
      };
      return { document, text: () => textOf(withoutName(one) as object), positions: true };
    }),
    options,
  );
}

function stagesOfText(text: string, options: StagedOptions): StagedRecipe {
  let documents: SeparateDocument[];
  try {
    documents = readDocuments(text);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw badRecipe(error.message, error.at, options.file, error.hint, error);
  }
  const parts = documents.map((document) => ({
    document,
    // A lone recipe goes to its output as it was written.
    text: (withName: boolean) => (documents.length === 1 && !withName ? text : document.textWithout("name")),
    positions: true,
  }));
  return readStages(parts, options);
}

function objectPart(recipe: object): Part {
  const text = textOf(recipe);
  const [document] = readDocuments(text) as [SeparateDocument];
  return { document, text: () => document.textWithout("name"), positions: false };
}

function readStages(parts: readonly Part[], options: StagedOptions): StagedRecipe {
  const { file } = options;
  const names = parts.map((part) => readName(part, file));
  const place = (index: number, key?: string) => {
    const part = parts[index];
    return part?.positions ? part.document.locate(key === undefined ? [] : [key]) : undefined;
  };
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first === index) continue;
    const what = name === undefined ? "two documents without a `name`" : `the name \`${name}\` twice`;
    throw badRecipe(
      `the recipe has ${what}`,
      place(index, "name"),
      file,
      "give every document but the final one a name of its own",
    );
  }
  const last = names.indexOf(undefined) === -1 ? parts.length - 1 : names.indexOf(undefined);
  const { supplied, ...plain } = options;
  const all = parts.map(({ document, text, positions }, index): RecipeStage => {
    const named = isMapping(document.value) && Object.hasOwn(document.value, "name");
    const view = named ? { ...document, value: withoutName(document.value) } : document;
    const recipe = parseDocument(view, text(named), index === last ? { ...plain, supplied } : plain, positions);
    return { name: names[index], recipe, uses: usedNames(recipe, new Set(names)) };
  });

  const byName = new Map(all.map((stage) => [stage.name, stage]));
  const stages = new Map<string, RecipeStage>();
  const open: (string | undefined)[] = [];
  const visit = (stage: RecipeStage): void => {
    if (open.includes(stage.name)) {
      const circle = [...open.slice(open.indexOf(stage.name)), stage.name].map((name) => name ?? "the final document");
      throw badRecipe(
        circle.length === 2
          ? `\`${circle[0]}\` uses its own result`
          : `the stages wait for each other: ${circle.join(" -> ")}`,
        place(all.indexOf(stage)),
        file,
        "a stage may only use stages that do not need its result",
      );
    }
    if (stage.name !== undefined && stages.has(stage.name)) return;
    open.push(stage.name);
    for (const name of stage.uses) visit(byName.get(name) as RecipeStage);
    open.pop();
    if (stage.name !== undefined && stage !== all[last]) stages.set(stage.name, stage);
  };
  const final = all[last] as RecipeStage;
  visit(final);
  const unused = all.filter((stage) => stage !== final && !stages.has(stage.name ?? ""));
  return { final, stages, unused };
}

function readName({ document, positions }: Part, file: string | undefined): string | undefined {
  if (!isMapping(document.value) || document.value.name === undefined || document.value.name === null) return undefined;
  const { name } = document.value;
  // It becomes the name of a folder, and stands in model references before `@` and `+`.
  if (typeof name === "string" && name.length <= 200 && /^\w[\w.-]*(\/\w[\w.-]*)*$/.test(name)) return name;
  const shown = typeof name === "string" ? `\`${shorten(name)}\`` : `this`;
  const hint = "use letters, digits, `_`, `-` and `.`, and quotes around a name that looks like a number";
  throw badRecipe(
    `name: ${shown} cannot be the name of a stage`,
    positions ? document.locate(["name"]) : undefined,
    file,
    hint,
  );
}

function usedNames(recipe: ParsedRecipe, names: ReadonlySet<string | undefined>): string[] {
  const paths = namedModels(recipe).flatMap(({ path, lora }) => (lora ? [path, lora.path] : [path]));
  return [...new Set(paths)].filter((path) => names.has(path));
}

function withoutName(value: unknown): unknown {
  if (!isMapping(value)) return value;
  const { name: _name, ...rest } = value;
  return rest;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
