// What sentences and tables call a candidate.

import type { Candidate } from "./types.js";

type Named = Pick<Candidate, "method" | "lambda" | "parameters">;

/** "dare_linear at lambda 0.4 (density 0.5)". */
export function nameOf({ method, lambda, parameters }: Named): string {
  const more = parametersText(parameters);
  return `${method}${lambda === undefined ? "" : ` at lambda ${lambda}`}${more === "" ? "" : ` (${more})`}`;
}

/** What a candidate is found by: the same for the same method, parameters and lambda. It is compared, and never read. */
export function candidateId({ method, lambda, parameters = {} }: Named): string {
  const sorted = Object.entries(parameters).sort(([a], [b]) => compareTexts(a, b));
  return JSON.stringify([method, ...(lambda === undefined ? [] : [lambda]), ...(sorted.length > 0 ? [sorted] : [])]);
}

/** A method with its parameters, of which there are many lambdas: "dare_linear (density 0.5)". */
export function seriesOf({ method, parameters }: Named): string {
  return nameOf({ method, parameters });
}

/** The parameters in one fixed order. */
export function parametersText(parameters: Named["parameters"] = {}): string {
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
