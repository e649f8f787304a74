// Bodies of the page's requests.

import { z } from "zod";
import type { ChosenVariants, Prompt, WhichVariant } from "../generate/types.js";
import { ApiError } from "../serve/apiError.js";
import { message } from "../serve/requests/chatRequest.js";
import { number, whole } from "../serve/requests/readBody.js";
import type { ServedModels } from "../serve/servedModels.js";
import type { PlayPoint, PlayPrompt } from "./types.js";

/** Answers side by side. */
const MOST_POINTS = 16;
/** Of the strip over all lambdas: steps of a fortieth. */
const MOST_LAMBDAS = 41;

const body = <Shape extends z.ZodRawShape>(shape: Shape) => z.object(shape, { error: "the body must be an object" });
const real = (what: string) => z.number({ error: `must be ${what}` });
const text = z.string({ error: "must be a text" });

const prompt = {
  messages: z.array(message, { error: "must be a list of messages" }).min(1, "must have a message").nullish(),
  prompt: text.nullish(),
};

const point = z.strictObject(
  {
    lambda: real("a number").optional(),
    weights: z.record(z.string(), real("a number"), { error: "must be numbers by name" }).optional(),
  },
  { error: "must be { lambda }, { weights } or {}" },
);

const POINTS = `must be a list of 1 to ${MOST_POINTS} points`;
const LAMBDAS = `must be a list of 1 to ${MOST_LAMBDAS} numbers`;
const ANSWERS = `must be a list of 1 to ${MOST_POINTS} texts`;

export const answersBody = body({
  ...prompt,
  points: z.array(point, { error: POINTS }).min(1, POINTS).max(MOST_POINTS, POINTS),
  maxNewTokens: whole("of at least 1", (value) => value >= 1),
  temperature: number("a number of at least 0", (value) => value >= 0),
  seed: whole("of at least 0", (value) => value >= 0),
});

export const refusalsBody = body({
  ...prompt,
  lambdas: z.array(real("a number"), { error: LAMBDAS }).min(1, LAMBDAS).max(MOST_LAMBDAS, LAMBDAS),
});

export const verdictsBody = body({
  prompt: text,
  answers: z.array(text, { error: ANSWERS }).min(1, ANSWERS).max(MOST_POINTS, ANSWERS),
});

export const recipeBody = body({ point });

export const measureBody = body({
  prompt: text.refine((asked) => asked.trim() !== "", "is empty"),
});

/** What is asked of the model. @throws ApiError 400 */
export function promptOf({ messages, prompt: words }: { [Name in keyof PlayPrompt]: PlayPrompt[Name] | null }): Prompt {
  if ((messages == null) === (words == null)) {
    throw new ApiError(400, "prompt: give either a prompt or messages", { param: "prompt" });
  }
  return messages ?? (words as string);
}

/** Points that were asked for, as the model has them. */
export interface AskedPoints {
  /** Of each point; the answers of a point have the same. */
  readonly keys: readonly string[];
  /** How `generate` is told of them, each once. */
  readonly choice: ChosenVariants;
}

/** @throws ApiError for points that the model does not have, and for points of two kinds */
export function askedPoints(points: readonly PlayPoint[], models: ServedModels): AskedPoints {
  const isPlain = ({ lambda, weights }: PlayPoint) => lambda === undefined && weights === undefined;
  if (points.some(isPlain) && !points.every(isPlain)) {
    throw new ApiError(400, "points: each of them must have a lambda or weights", { param: "points" });
  }
  const found = points.map((point) => models.find(undefined, point));
  const keys = found.map(keyOf);
  const once = found.filter((_, at) => keys.indexOf(keys[at] as string) === at);
  const lambda = once.flatMap((one) => one.lambda ?? []);
  const weights = once.flatMap((one) => (one.weights === undefined ? [] : [one.weights]));
  if (lambda.length === once.length) return { keys, choice: { lambda } };
  if (weights.length === once.length) return { keys, choice: { weights } };
  if (points.every(isPlain)) return { keys, choice: {} };
  throw new ApiError(400, "points: either all of them have a lambda, or all have weights", { param: "points" });
}

/** What tells points apart. */
export function keyOf({ lambda, weights = {} }: Pick<WhichVariant, "lambda" | "weights">): string {
  return JSON.stringify([lambda, Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
