// `search` of an experiment: what `retemper search` looks for, and what it may spend.

import { z } from "zod";

const positive = z.int().positive();

export const searchSchema = z
  .strictObject({
    by: z
      .enum(["kinds", "layers", "tensors"])
      .default("kinds")
      .describe("What has a coefficient: attention and MLP of a group of layers, a group of layers, or each matrix."),
    layers: positive.default(4).describe("Groups of consecutive layers; of tensors it says nothing."),
    candidates: positive.max(100_000).default(100).describe("Merges that are measured, at most."),
    tokens: positive
      .optional()
      .describe("New tokens after which no generation of CMA-ES begins; the one that reaches them is finished."),
    minutes: z
      .number()
      .positive()
      .optional()
      .describe(
        "Minutes after which no generation of CMA-ES begins, on whatever machine: another speed makes another search.",
      ),
    range: z
      .tuple([z.number(), z.number()])
      .default([0, 1])
      .describe("Of the coefficients; beyond 0 to 1 needs extrapolate: true."),
    population: positive.min(4).optional().describe("Candidates of a generation; 4 + 3 ln n by default."),
    finalists: positive
      .max(100)
      .default(4)
      .describe("Of each way to search, merges that are measured on the second set."),
    rows: z
      .int()
      .nonnegative()
      .default(16)
      .describe(
        "Rows of the task, and refused requests, that the gradient of the coefficients is taken on; 0: no search by gradient.",
      ),
    seed: z.int().nonnegative().default(0).describe("Of the random numbers."),
  })
  .describe("Of retemper search: coefficients by groups of layers, and what the search may spend.");

export type SearchSettings = z.output<typeof searchSchema>;
