// Which variants of a model a call is about.

import { RetemperError } from "../../errors.js";

const NONE = "this model has no lambda: it was not opened with lambdas";

/**
 * Numbers of the variants with these lambdas, of a model that was opened with `lambdas`; all by default.
 * @throws RetemperError USAGE for a lambda that the model was not opened with
 */
export function chosenVariants(
  lambdas: readonly number[] | undefined,
  chosen: number | readonly number[] | undefined,
): number[] {
  if (lambdas === undefined) {
    if (chosen !== undefined) throw new RetemperError("USAGE", NONE);
    return [0];
  }
  if (chosen === undefined) return lambdas.map((_, variant) => variant);
  const list = typeof chosen === "number" ? [chosen] : chosen;
  if (!Array.isArray(list) || list.length === 0) {
    throw new RetemperError("USAGE", "lambda is a number or a list of numbers");
  }
  return [...new Set(list)].map((lambda) => {
    const variant = lambdas.indexOf(lambda);
    if (variant >= 0) return variant;
    throw new RetemperError("USAGE", `the model was not opened with lambda ${String(lambda)}`, {
      hint: `it has ${lambdas.join(", ")}`,
    });
  });
}

/** The one variant of a call that is about one. @throws RetemperError USAGE */
export function oneVariant(lambdas: readonly number[] | undefined, chosen: number | undefined): number {
  const [variant, ...others] = chosenVariants(lambdas, chosen);
  if (others.length === 0) return variant as number;
  throw new RetemperError("USAGE", "the model has several lambdas: say which one is meant", {
    hint: `{ lambda: ${lambdas?.[0]} }`,
  });
}
