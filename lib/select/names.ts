// What sentences and tables call a candidate.

import type { Candidate } from "./types.js";

type Named = Pick<Candidate, "method" | "lambda" | "parameters">;
type OfSeries = Named & Pick<Candidate, "varied">;

/** "dare_linear at lambda 0.4 (density 0.5)". */
export function nameOf({ method, lambda, parameters }: Named): string {
  const more = parametersText(parameters);
  return `${method}${lambda === undefined ? "" : ` at lambda ${lambda}`}${more === "" ? "" : ` (${more})`}`;
}

/** Its lambda, with the value of what its series varies: "0.4", "1, gamma 0.3"; "none" for a series of one. */
export function placeText({ lambda, parameters, varied }: OfSeries): string {
  const value = varied && `${varied.parameter} ${parameters?.[varied.parameter]}`;
  return [lambda, value].filter((one) => one !== undefined).join(", ") || "none";
}

/** What a candidate is found by: the same for the same method, parameters and lambda. It is compared, and never read. */
export function candidateId({ method, lambda, parameters = {} }: Named): string {
  const sorted = Object.entries(parameters).sort(([a], [b]) => compareTexts(a, b));
  return JSON.stringify([method, ...(lambda === undefined ? [] : [lambda]), ...(sorted.length > 0 ? [sorted] : [])]);
}

/**
 * A method with its parameters, of which there are many lambdas: "dare_linear (density 0.5)"; or with its lambda, of which there are many
 * values of a parameter: "resta over gamma at lambda 1".
 */
export function seriesOf({ method, lambda, parameters = {}, varied }: OfSeries): string {
  if (!varied) return nameOf({ method, parameters });
  const { [varied.parameter]: _, ...others } = parameters;
  return nameOf({ method: `${method} over ${varied.parameter}`, lambda, parameters: others });
}

/** The parameters in one fixed order. */
function parametersText(parameters: Named["parameters"] = {}): string {
  const sorted = Object.entries(parameters).sort(([a], [b]) => compareTexts(a, b));
  return sorted.map(([name, value]) => `${name} ${value}`).join(", ");
}

/** By code units: the same order in every language. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A skill as a gate names it: in quotes where its name is no plain word. */
export function quotedName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}
