// What an entry of `methods` declares: a series of merges, of which each is known before anything is measured.

import { METHODS } from "../../recipe/methods.js";
import type { Candidate } from "../../select/types.js";
import { gridOf, isOfAll, type MethodEntry, methodOf, shownParameters, sorted } from "./methodEntry.js";
import type { ExperimentSettings } from "./schema.js";

/** A method with its grid: over lambda, or over what is varied, with one lambda. `parameters` are those that all its merges have, as tables show them. */
export interface DeclaredSeries extends Pick<Candidate, "method" | "lambda" | "parameters" | "varied"> {
  /** Of lambda, or of what is varied; absent where there is one merge. */
  readonly values?: readonly number[] | undefined;
}

export function declaredSeries(entry: MethodEntry, settings: Pick<ExperimentSettings, "lambda">): DeclaredSeries {
  const [method, parameters] = [methodOf(entry), shownParameters(entry)];
  if (isOfAll(entry)) return { method, parameters };
  const { vary = {}, lambda: own = undefined } = typeof entry === "string" ? {} : entry;
  const [[parameter = "", values = []] = []] = Object.entries(vary);
  const { safer: ends = {}, global } = METHODS[method];
  const safer = ends[parameter];
  if (safer === undefined) return { method, parameters, values: gridOf(entry, settings) };
  const lambda = [own ?? global.lambda?.default].flat()[0];
  return {
    ...{ method, parameters, varied: { parameter, safer }, values: sorted(values) },
    ...(typeof lambda === "number" && { lambda }),
  };
}

/** What a table calls a merge of a series. @param value of lambda, or of what the series varies; undefined: none in particular */
export function candidateOf(
  { method, parameters, varied, lambda }: DeclaredSeries,
  value: number | undefined,
): Pick<Candidate, "method" | "lambda" | "parameters" | "varied"> {
  const at = varied ? lambda : value;
  const all = varied && value !== undefined ? { ...parameters, [varied.parameter]: value } : parameters;
  return {
    method,
    ...(at !== undefined && { lambda: at }),
    ...(all && { parameters: all }),
    ...(varied && { varied }),
  };
}

/** Whether these are the plain merges over lambda: linear, without parameters. */
export function isPlainLine({ method, parameters = {}, values, varied }: DeclaredSeries): boolean {
  return method === "linear" && values !== undefined && !varied && Object.keys(parameters).length === 0;
}
