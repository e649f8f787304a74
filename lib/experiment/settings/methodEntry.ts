// What an entry of `methods` means: a name by itself, or a method with a grid and parameters of its own.

import { basename } from "node:path";
import { METHODS, type MethodName } from "../../recipe/methods.js";
import type { ExperimentSettings } from "./schema.js";

export type MethodEntry = ExperimentSettings["methods"][number];

export function methodOf(entry: MethodEntry): MethodName {
  return typeof entry === "string" ? entry : entry.method;
}

/** Of a method with a density and without a word of it: what its papers' experiments keep. At 1, a recipe's default, nothing is dropped. */
const DENSITY = 0.5;

/** The method's own parameters, a density among them where it has one; undefined for none. */
export function parametersOf(entry: MethodEntry): Readonly<Record<string, number | string | boolean>> | undefined {
  const own = typeof entry === "string" ? undefined : entry.parameters;
  if (METHODS[methodOf(entry)].perModel.density === undefined) return own;
  return { density: DENSITY, ...own };
}

/** The file of rows that the method reads (safe_delta). */
export function rowsOf(entry: MethodEntry): string | undefined {
  const rows = typeof entry === "string" ? undefined : entry.parameters?.rows;
  return typeof rows === "string" ? rows : undefined;
}

/** The parameters as tables show them: of a file its name, wherever it lies. */
export function shownParameters(entry: MethodEntry): ReturnType<typeof parametersOf> {
  const rows = rowsOf(entry);
  return rows === undefined ? parametersOf(entry) : { ...parametersOf(entry), rows: basename(rows) };
}

/** Whether all tuned models go into one merge. */
export function isOfAll(entry: MethodEntry): boolean {
  const { method, over = method === "model_stock" ? "all" : "each" } =
    typeof entry === "string" ? { method: entry } : entry;
  return over === "all";
}

/** Each lambda once, in their order. */
export function gridOf(entry: MethodEntry, { lambda }: Pick<ExperimentSettings, "lambda">): number[] {
  const own = typeof entry === "string" ? undefined : entry.lambda;
  return sorted([own ?? lambda].flat());
}

/** Parameters of a method that an entry may vary: those that declare a safe end. */
export function variable(method: MethodName): string[] {
  return Object.keys(METHODS[method].safer ?? {}).filter((name) => name !== "lambda");
}

/** Each once, ascending. */
export function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** Whether an entry's merges draw masks, so that another seed of them is another merge: `resta` does where it drops values. */
export function drawsMasks(entry: MethodEntry): boolean {
  const method = methodOf(entry);
  if (method === "resta") return Number(parametersOf(entry)?.density ?? 1) < 1;
  const { sparsifier } = METHODS[method].taskArithmetic ?? { sparsifier: "none" };
  return sparsifier === "random" || sparsifier === "ranked";
}
