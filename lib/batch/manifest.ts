// Reads what is to be merged: a manifest (a list in YAML, JSON or JSON lines), a folder of recipes, or one recipe.

import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation } from "../plan/gguf/quantise.js";
import { describe } from "../recipe/describe.js";
import { readDocument, readDocuments } from "../recipe/document.js";
import { isRecipeText } from "../recipe/load.js";
import { DocumentError, type LocatedDocument, type Position } from "../recipe/located.js";
import { badRecipe, Problems } from "../recipe/problems.js";
import { loadStages, type StagedOptions, type StagedRecipe, stagesWithin } from "../recipe/stages.js";
import { suggestion } from "../recipe/suggest.js";
import type { BatchEntry, EntryOptions } from "./types.js";

/** An entry as it was found, with its recipe still to be read: a recipe that is wrong is the entry's own failure. */
export interface ManifestEntry {
  /** As written; undefined where the batch is one recipe. */
  readonly out: string | undefined;
  readonly options: EntryOptions;
  /** Path of the recipe's file. */
  readonly recipe: string | undefined;
  readonly load: (options: StagedOptions) => Promise<StagedRecipe>;
  /** Where the output stands in the manifest. */
  readonly at: { readonly file: string | undefined; readonly position: Position | undefined };
}

/** Larger than a recipe: a manifest may hold thousands. */
const MANIFEST = { noun: "manifest", maxText: 2 ** 26, maxValues: 4_000_000 };

const options = z.strictObject({
  seed: z.number().int().nonnegative().optional(),
  outShardSize: z.number().int().positive().optional(),
  unsafeTruncateEmbeddings: z.boolean().optional(),
  loraMergeDtype: z.enum(["bfloat16", "float16", "float32", "float64"]).optional(),
  lambda: z.number().optional(),
  format: z.enum(["safetensors", "gguf", "fp8"]).optional(),
  quantise: z.enum(Object.keys(GGUF_QUANTISATIONS) as [GgufQuantisation]).optional(),
  lenient: z.boolean().optional(),
  copyTokenizer: z.boolean().optional(),
  writeModelCard: z.boolean().optional(),
  trustRemoteCode: z.boolean().optional(),
  failOnNonfinite: z.boolean().optional(),
  hashInputs: z.boolean().optional(),
});

const mapping = z.record(z.string(), z.unknown());
const entry = z.strictObject({
  recipe: z.union([z.string().min(1), mapping, z.array(mapping).min(1)]),
  out: z.string().min(1),
  options: options.nullish(),
});

/**
 * @param source path of a manifest, of a folder of recipes or of a recipe; or the entries themselves
 * @throws RetemperError BAD_RECIPE with file, line and column; USAGE; IO
 */
export async function readManifest(source: string | readonly BatchEntry[]): Promise<ManifestEntry[]> {
  if (typeof source !== "string") return entriesOfList(source);
  const facts = await stat(source).catch((error: NodeJS.ErrnoException) => {
    throw new RetemperError(error.code === "ENOENT" ? "USAGE" : "IO", `can not read the manifest: ${error.message}`, {
      file: source,
      hint: "give a manifest (a list of {recipe, out}), a folder of recipes, or a recipe",
      cause: error,
    });
  });
  if (facts.isDirectory()) return recipesIn(source);
  return readText(source);
}

async function readText(file: string): Promise<ManifestEntry[]> {
  const limit = { most: 4 * MANIFEST.maxText, what: "a manifest", pipes: true, code: "BAD_RECIPE" } as const;
  const text = await readTextAtMost(file, limit).catch((error: unknown) => {
    throw ioError(error, file, "cannot read the manifest");
  });
  try {
    if (/^\.(jsonl|ndjson)$/i.test(extname(file))) return linesOf(text, file);
    const documents = readDocuments(text, MANIFEST);
    if (documents.some(({ value }) => isMapping(value) && Object.hasOwn(value, "merge_method")))
      return [recipeEntry(file)];
    const [document, second] = documents;
    if (document === undefined || second !== undefined || !Array.isArray(document.value)) {
      throw badRecipe(
        `expected a list of {recipe, out}, received ${second ? "several documents" : describe(document?.value)}`,
        document?.locate([]),
        file,
        "a manifest is a YAML or JSON list, or JSON lines in a file that ends with .jsonl",
      );
    }
    if (document.value.length === 0) throw badRecipe("the manifest is empty", undefined, file, undefined);
    const problems = new Problems(document, file, true);
    const entries = document.value.map((value, index) => entryOf(value, document, [index], file, problems));
    problems.throwIfAny();
    return entries;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw badRecipe(error.message, error.at, file, error.hint, error);
  }
}

/** JSON lines: one entry a line. */
function linesOf(text: string, file: string): ManifestEntry[] {
  const entries = text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const down = (at: Position | undefined) => at && { line: at.line + index, column: at.column };
    try {
      const document = readDocument(line);
      const shifted: LocatedDocument = {
        value: document.value,
        locate: (path, part) => down(document.locate(path, part)),
      };
      const problems = new Problems(shifted, file, true);
      const entry = entryOf(document.value, shifted, [], file, problems);
      problems.throwIfAny();
      return [entry];
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      throw badRecipe(error.message, down(error.at), file, error.hint, error);
    }
  });
  if (entries.length === 0) throw badRecipe("the manifest is empty", undefined, file, undefined);
  return entries;
}

function entriesOfList(list: readonly BatchEntry[]): ManifestEntry[] {
  if (list.length === 0) throw badRecipe("the batch is empty", undefined, undefined, undefined);
  const document: LocatedDocument = { value: list, locate: () => undefined };
  const problems = new Problems(document, undefined, false);
  const entries = list.map((value, index) => entryOf(value, document, [index], undefined, problems));
  problems.throwIfAny();
  return entries;
}

async function recipesIn(folder: string): Promise<ManifestEntry[]> {
  const names = (await readdir(folder)).filter((name) => /^[^.].*\.(ya?ml|json)$/i.test(name)).sort();
  if (names.length === 0) {
    throw badRecipe("no recipes in this folder", undefined, folder, "recipes end with .yml, .yaml or .json");
  }
  return names.map((name) => ({ ...recipeEntry(join(folder, name)), out: basename(name, extname(name)) }));
}

function recipeEntry(file: string): ManifestEntry {
  return {
    out: undefined,
    options: {},
    recipe: file,
    load: (stagedOptions) => loadStages(file, stagedOptions),
    at: { file, position: undefined },
  };
}

function entryOf(
  value: unknown,
  document: LocatedDocument,
  path: readonly PropertyKey[],
  file: string | undefined,
  problems: Problems,
): ManifestEntry {
  const parsed = entry.safeParse(value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) report(issue, value, path, problems);
    // Never used: the problems are thrown once all entries have been looked at.
    return { out: "", options: {}, recipe: undefined, load: () => Promise.reject(), at: { file, position: undefined } };
  }
  const { recipe, out, options: own } = parsed.data;
  const isPath = typeof recipe === "string" && !isRecipeText(recipe);
  // Beside the manifest, so that the two can move together.
  const recipeFile = isPath
    ? file === undefined || isAbsolute(recipe)
      ? recipe
      : join(dirname(file), recipe)
    : undefined;
  return {
    out,
    options: own ?? {},
    recipe: recipeFile,
    load: async (stagedOptions) => {
      if (recipeFile !== undefined) return loadStages(recipeFile, stagedOptions);
      if (typeof recipe === "string" || file === undefined) {
        return loadStages((value as BatchEntry).recipe, stagedOptions);
      }
      return stagesWithin(document, [...path, "recipe"], { ...stagedOptions, file });
    },
    at: { file, position: document.locate([...path, "out"]) },
  };
}

function report(issue: z.core.$ZodIssue, value: unknown, path: readonly PropertyKey[], problems: Problems): void {
  const place = [...path, ...issue.path];
  const received = issue.path.reduce<unknown>((at, key) => (isMapping(at) ? at[key as string] : undefined), value);
  const inOptions = issue.path[0] === "options";
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(inOptions ? options.shape : entry.shape);
    for (const key of issue.keys)
      problems.add([...place, key], `unknown key \`${key}\``, suggestion(key, known), "key");
  } else if (issue.path.length === 0) {
    problems.add(place, `an entry is a mapping {recipe, out, options?}, received ${describe(value)}`);
  } else if (received === undefined) {
    problems.add(place, "this key is required but missing");
  } else if (issue.path[0] === "recipe") {
    problems.add(place, `a recipe is a path, text, a mapping, or a list of mappings, received ${describe(received)}`);
  } else {
    problems.add(place, received === "" ? "this is empty" : `${issue.message}, received ${describe(received)}`);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
