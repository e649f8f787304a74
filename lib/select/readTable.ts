// Reads the table of candidates that a selection is made from. The only file here that knows the disk.

import { join } from "node:path";
import { z } from "zod";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import type { SelectionRule, SelectionTable } from "./types.js";

const quantity = z.object({
  value: z
    .number()
    .nullable() // of a candidate that was asked nothing
    .transform((value) => value ?? Number.NaN),
  low: z.number().optional(),
  high: z.number().optional(),
  newLow: z.number().optional(),
  newHigh: z.number().optional(),
  n: z.number().int().positive().optional(),
  seeds: z.array(z.object({ seed: z.string(), value: z.number() })).optional(),
  values: z.array(z.array(z.number().nullable())).optional(),
  weights: z.array(z.number()).optional(),
  groups: z.array(z.number()).optional(),
});
const point = {
  score: quantity,
  asr: quantity,
  overRefusal: quantity.optional(),
  skills: z.record(z.string(), quantity).optional(),
  categories: z.record(z.string(), quantity).optional(),
};
const candidate = z.object({
  method: z.string().min(1),
  lambda: z.number().optional(),
  parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).optional(),
  varied: z.object({ parameter: z.string().min(1), safer: z.enum(["larger", "smaller"]) }).optional(),
  unfinished: z.union([z.literal(true), z.literal("screened")]).optional(),
  ...point,
});
const table = z.object({
  labels: z.object({ score: z.string().min(1), asr: z.string().min(1) }).optional(),
  better: z.enum(["high", "low"]).optional(),
  skills: z
    .record(z.string(), z.object({ better: z.enum(["high", "low"]).optional(), metric: z.string().optional() }))
    .optional(),
  calibration: z
    .object({ truePositives: z.number(), positives: z.number(), trueNegatives: z.number(), negatives: z.number() })
    .optional(),
  aligned: z.object(point),
  tuned: z.object(point).optional(),
  candidates: z.array(candidate),
  looks: z.array(z.number()).optional(),
});

/** What a run chose by. */
const rule = z.object({
  rule: z.enum(["score", "constrained", "knee"]),
  margin: z.number().optional(),
  by: z.enum(["upper", "point"]).optional(),
  level: z.number().optional(),
  minGain: z.number().optional(),
  everySeed: z.boolean().optional(),
  corrected: z.boolean().optional(),
  gate: z.string().optional(),
});

/** A table, and of a run the rule by which it chose. */
export type ReadTable = SelectionTable & { readonly rule?: SelectionRule | undefined };

/**
 * Reads the numbers that `select` chooses by.
 * @param path a JSON file with `aligned`, `tuned` (optional) and `candidates`; the results.json of an experiment, whose
 *   `validation` is such a table; or the folder of either
 * @returns of an experiment also the rule by which it chose
 * @throws RetemperError BAD_INPUT where it is something else, naming each place that is wrong
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { readTable, select } from "retemper";
 *
 * const aligned = { asr: { value: 0.01 }, score: { value: 0.1 } };
 * const merged = { method: "linear", lambda: 0.4, asr: { value: 0.02 }, score: { value: 0.7 } };
 * await writeFile("table.json", JSON.stringify({ aligned, candidates: [merged] }));
 * const { overall } = select(await readTable("table.json"), "score"); // or the folder of an experiment
 * console.log(overall.candidate?.lambda); // 0.4
 * ```
 */
export async function readTable(path: string): Promise<ReadTable> {
  let file = path;
  let value: unknown;
  try {
    const limit = { most: 2 ** 28, what: "results" };
    const text = await readTextAtMost(file, { ...limit, pipes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EISDIR") throw error;
      file = join(path, "results.json");
      return readTextAtMost(file, limit);
    });
    value = JSON.parse(text);
  } catch (error) {
    throw new RetemperError("BAD_INPUT", `there are no results: ${(error as Error).message}`, {
      file,
      hint: "give the folder of an experiment that has ended, or a table of candidates as JSON",
      cause: error,
    });
  }
  const { validation, labels, selection } = (value ?? {}) as {
    readonly validation?: object;
    readonly labels?: unknown;
    readonly selection?: { readonly rule?: unknown };
  };
  const inner = validation ? { labels, ...validation } : value;
  const parsed = table.safeParse(inner);
  if (!parsed.success) {
    const places = parsed.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
    throw new RetemperError("BAD_INPUT", `this is no table of candidates: ${places.slice(0, 8).join("; ")}`, {
      file,
      hint: "give aligned, and candidates with method, score and asr, each number as { value, low, high }",
    });
  }
  const own = validation ? rule.safeParse(selection?.rule).data : undefined; // older runs wrote others
  return { ...parsed.data, ...(own && { rule: own }) };
}
