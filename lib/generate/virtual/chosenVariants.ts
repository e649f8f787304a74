// Which variants of a model a call is about, and how an answer says whose it is.

import { RetemperError } from "../../errors.js";
import type { EngineFacts, GenerateOptions, WhichVariant } from "../types.js";

/** What a model was opened with. */
export type Variants = Pick<EngineFacts, "lambdas" | "variants">;

/**
 * Numbers of the variants that a call names, by lambda or by place; all by default.
 * @throws RetemperError USAGE for one that the model was not opened with
 */
export function chosenVariants(
  opened: Variants,
  { lambda, variant }: Pick<GenerateOptions, "lambda" | "variant">,
): number[] {
  const { lambdas, variants } = opened;
  if (lambda !== undefined && lambdas === undefined) throw none("lambda", "lambdas");
  if (variant !== undefined && variants === undefined) throw none("variant", "variants");
  if (lambdas !== undefined) return placesOf("lambda", lambdas, lambda);
  return placesOf(
    "variant",
    Array.from({ length: variants ?? 1 }, (_, at) => at),
    variant,
  );
}

/** The one variant of a call that is about one. @throws RetemperError USAGE */
export function oneVariant(opened: Variants, chosen: WhichVariant): number {
  const [variant, ...others] = chosenVariants(opened, chosen);
  if (others.length === 0) return variant as number;
  const [what, example] = opened.lambdas
    ? ["lambdas", `{ lambda: ${opened.lambdas[0]} }`]
    : ["variants", "{ variant: 0 }"];
  throw new RetemperError("USAGE", `the model has several ${what}: say which one is meant`, { hint: example });
}

/** How the results of a variant say that they are its own; of a model that is one, they say nothing. */
export function whichVariant({ lambdas, variants }: Variants, variant: number): WhichVariant {
  if (lambdas !== undefined) return { lambda: lambdas[variant] as number };
  return variants === undefined ? {} : { variant };
}

function placesOf(name: string, all: readonly number[], chosen: number | readonly number[] | undefined): number[] {
  if (chosen === undefined) return all.map((_, place) => place);
  const list = typeof chosen === "number" ? [chosen] : chosen;
  if (!Array.isArray(list) || list.length === 0) {
    throw new RetemperError("USAGE", `${name} is a number or a list of numbers`);
  }
  return [...new Set(list)].map((one) => {
    const place = all.indexOf(one);
    if (place >= 0) return place;
    const has = name === "lambda" ? all.join(", ") : `0 to ${all.length - 1}`;
    throw new RetemperError("USAGE", `the model was not opened with ${name} ${String(one)}`, { hint: `it has ${has}` });
  });
}

function none(one: string, many: string): RetemperError {
  return new RetemperError("USAGE", `this model has no ${one}: it was not opened with ${many}`);
}
