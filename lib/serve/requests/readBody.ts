// Bodies of requests, checked against a schema: the message names the field.

import { z } from "zod";
import { ApiError } from "../apiError.js";

/** @throws ApiError 400 */
export function readBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const { path, message } = error.issues[0] ?? { path: [], message: "the request is wrong" };
  if (path.length === 0) throw new ApiError(400, message);
  const param = path.map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? part : `.${String(part)}`));
  throw new ApiError(400, `${param.join("")}: ${message}`, { param: param.join("") });
}

/** A number that fits; absent and null are the same, as clients send both. */
export function number(wanted: string, fits: (value: number) => boolean) {
  const message = `must be ${wanted}`;
  return z
    .number({ error: message })
    .refine((value) => Number.isFinite(value) && fits(value), message)
    .nullish();
}

export function whole(wanted: string, fits: (value: number) => boolean) {
  return number(`a whole number ${wanted}`, (value) => Number.isSafeInteger(value) && fits(value));
}

/** Something of OpenAI's API that is not here: refused where it asks for more than its default, which is nothing. */
export function absent(isDefault: (value: unknown) => boolean = () => false) {
  const fits = (value: unknown) => value === undefined || value === null || isDefault(value);
  return z.unknown().refine(fits, "is not supported by this server").optional();
}

export function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
