// Which variants of a model a call is about, and how an answer says whose it is.

import { RetemperError } from "../../errors.js";
import type { MergePoint } from "../../merge/virtualMerge.js";
import type { ChosenVariants, EngineFacts, ModelWeights, WhichVariant } from "../types.js";

/** What a model was opened with, and what else it takes. */
export type Variants = Pick<EngineFacts, "lambdas" | "lambdaRange" | "weightNames" | "variants">;

/** A variant that a call names: one that the model was opened with, by its number, or another one. */
export type Chosen = { readonly whose: WhichVariant } & ({ readonly variant: number } | { readonly point: MergePoint });

/**
 * The variants that a call names, each once: by lambda, by weights or by place; all that the model was opened with by default.
 * @throws RetemperError USAGE for one that the model does not have
 */
export function chosenVariants(opened: Variants, { lambda, weights, variant }: ChosenVariants): Chosen[] {
  const { lambdas, lambdaRange, variants } = opened;
  if ([lambda, weights, variant].filter((one) => one !== undefined).length > 1) {
    throw new RetemperError("USAGE", "a call names lambda, weights or variant, one of them");
  }
  if (weights !== undefined) {
    const all = listOf("weights", weights, "object").map((one) => byWeights(opened, one));
    const keys = all.map(({ point }) => JSON.stringify(point));
    return all.filter((_, at) => keys.indexOf(keys[at] as string) === at);
  }
  if (lambda !== undefined) {
    if (!lambdas && !lambdaRange) throw none("lambda", "lambdas");
    return distinct(listOf("lambda", lambda, "number")).map((one) => byLambda(opened, one));
  }
  if (lambdas) return lambdas.map((one, at) => ({ variant: at, whose: { lambda: one } }));
  if (variants === undefined) {
    if (variant !== undefined) throw none("variant", "variants");
    return [{ variant: 0, whose: {} }];
  }
  const places = variant === undefined ? Array.from({ length: variants }, (_, at) => at) : variant;
  return distinct(listOf("variant", places, "number")).map((place) => {
    if (Number.isInteger(place) && place >= 0 && place < variants) return { variant: place, whose: { variant: place } };
    throw notOpened("variant", place, `0 to ${variants - 1}`);
  });
}

/** The one variant of a call that is about one. @throws RetemperError USAGE */
export function oneVariant(opened: Variants, chosen: WhichVariant): Chosen {
  const [variant, ...others] = chosenVariants(opened, chosen);
  if (others.length === 0) return variant as Chosen;
  const [what, example] = opened.lambdas
    ? ["lambdas", `{ lambda: ${opened.lambdas[0]} }`]
    : ["variants", "{ variant: 0 }"];
  throw new RetemperError("USAGE", `the model has several ${what}: say which one is meant`, { hint: example });
}

function byLambda({ lambdas = [], lambdaRange }: Variants, asked: number): Chosen {
  const lambda = asked + 0; // -0 is 0
  const variant = lambdas.indexOf(lambda);
  if (variant >= 0) return { variant, whose: { lambda } };
  if (!lambdaRange) throw notOpened("lambda", asked, lambdas.join(", "));
  const [least, most] = lambdaRange;
  if (lambda >= least && lambda <= most) return { point: { lambda }, whose: { lambda } };
  throw new RetemperError("USAGE", `lambda must be from ${least} to ${most}, not ${String(asked)}`, {
    hint: "a model that is opened with lambdas beyond that takes values as far as these",
  });
}

/** Those that are not named are 0. */
function byWeights({ weightNames }: Variants, weights: ModelWeights): Chosen & { readonly point: MergePoint } {
  if (!weightNames)
    throw new RetemperError("USAGE", "this model has no weights: it is no merge of models with a weight each");
  for (const [name, weight] of Object.entries(weights)) {
    if (!weightNames.includes(name)) {
      throw new RetemperError("USAGE", `the model has no weight ${name}`, { hint: `it has ${weightNames.join(", ")}` });
    }
    if (typeof weight === "number" && Number.isFinite(weight)) continue;
    throw new RetemperError("USAGE", `the weight of ${name} must be a finite number, not ${String(weight)}`);
  }
  const all = Object.fromEntries(weightNames.map((name) => [name, (weights[name] ?? 0) + 0]));
  return { point: { weights: all }, whose: { weights } };
}

function listOf<T extends number | ModelWeights>(name: string, chosen: T | readonly T[], type: string): readonly T[] {
  const list: readonly T[] = Array.isArray(chosen) ? chosen : [chosen as T];
  if (list.length > 0 && list.every((one) => typeof one === type && one !== null)) return list;
  const one = type === "number" ? "a number or a list of numbers" : "an object of numbers or a list of them";
  throw new RetemperError("USAGE", `${name} is ${one}`);
}

const distinct = <T>(list: readonly T[]): T[] => [...new Set(list)];

function notOpened(name: string, asked: number, has: string): RetemperError {
  return new RetemperError("USAGE", `the model was not opened with ${name} ${String(asked)}`, {
    hint: `it has ${has}`,
  });
}

function none(one: string, many: string): RetemperError {
  return new RetemperError("USAGE", `this model has no ${one}: it was not opened with ${many}`);
}
