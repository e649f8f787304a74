// Lists of numbers as options have them: a number, a list `.2,.4`, a range `0.1:0.9:0.1`, or a mixture of these.

import { InvalidArgumentError, Option } from "commander";
import { parseInteger } from "./quantities.js";

/** More values than any sweep has folders. */
const MOST_VALUES = 10_000;
const NUMBER = /^[+-]?(?:\d+\.?(\d*)|\.(\d+))(?:e([+-]?\d{1,3}))?$/i;

/** The options `--lambda` and its alias, which commands read with `lambdasOf`. */
export function lambdaOptions(description: string): readonly [Option, Option] {
  const parse = (text: string) => parseValues(text);
  return [
    new Option("--lambda <values>", description).argParser(parse),
    new Option("--lambdas <values>", "the same").argParser(parse).hideHelp(),
  ];
}

export interface LambdaFlags {
  readonly lambda?: readonly number[] | undefined;
  readonly lambdas?: readonly number[] | undefined;
}

export function lambdasOf({ lambda, lambdas }: LambdaFlags): readonly number[] | undefined {
  return lambda ?? lambdas;
}

/**
 * The numbers of a list. A range has its end, if a whole number of steps leads there, and its values are those that one
 * would write by hand: 0.3, not 0.30000000000000004.
 */
export function parseValues(text: string): number[] {
  const values = text.split(",").flatMap(parseItem);
  if (values.length > MOST_VALUES) throw new InvalidArgumentError(`These are more than ${MOST_VALUES} values.`);
  return values;
}

/** Whole numbers of at least 0, as `--seeds` has them. */
export function parseSeeds(text: string): number[] {
  return parseValues(text).map((value) => parseInteger(0)(String(value)));
}

/** `NAME=values`, as `--vary` has it, several times. */
export function parseVariation(
  text: string,
  before: Readonly<Record<string, readonly number[]>> = {},
): Record<string, readonly number[]> {
  const [, name, values] = /^\s*([A-Za-z_]\w*)\s*=(.*)$/s.exec(text) ?? [];
  if (name === undefined || values === undefined) {
    throw new InvalidArgumentError("Give NAME=values, such as density=0.2,0.5 or t=0:1:0.25.");
  }
  if (name === "lambdas") throw new InvalidArgumentError("The fine-tuned model's weight is set by --lambda.");
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`${name} is varied twice; list all of its values.`);
  return { ...before, [name]: parseValues(values) };
}

function parseItem(item: string): number[] {
  const parts = item.trim().split(":");
  const [start, end, step, ...more] = parts.map(parseNumber);
  if (start === undefined || more.length > 0 || parts.length === 2) {
    throw new InvalidArgumentError("Give a number, a list such as .2,.4, or a range such as 0.1:0.9:0.1.");
  }
  if (end === undefined || step === undefined) return [start.value];
  const decimals = Math.max(start.decimals, end.decimals, step.decimals);
  if (decimals > 15) throw new InvalidArgumentError("A range has at most 15 decimal places.");
  const scale = 10 ** decimals;
  const [from, to, by] = [start, end, step].map(({ value }) => Math.round(value * scale)) as [number, number, number];
  if (![from, to, by].every(Number.isSafeInteger)) throw new InvalidArgumentError("The range has too many digits.");
  if (by === 0 || (to - from) * by < 0) {
    throw new InvalidArgumentError(`The step ${step.value} does not lead from ${start.value} to ${end.value}.`);
  }
  const count = Math.floor((to - from) / by) + 1;
  if (count > MOST_VALUES) throw new InvalidArgumentError(`The range has ${count} values, more than ${MOST_VALUES}.`);
  return Array.from({ length: count }, (_, at) => Number(`${from + at * by}e-${decimals}`));
}

function parseNumber(text: string): { readonly value: number; readonly decimals: number } {
  const match = NUMBER.exec(text.trim());
  const value = Number(text);
  if (!match || !Number.isFinite(value)) throw new InvalidArgumentError(`${JSON.stringify(text)} is no number.`);
  const [, fraction, bare, exponent = "0"] = match;
  return { value, decimals: Math.max(0, (fraction ?? bare ?? "").length - Number(exponent)) };
}
