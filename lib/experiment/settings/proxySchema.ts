// `proxy` of an experiment: what is read from log-probabilities before the merges are generated with.

import { z } from "zod";

const positive = z.int().positive();

export const proxyForm = z.strictObject({
  rows: positive.default(32).describe("Items of each kind that proxies are read on, at most."),
  tokens: positive.default(24).describe("Tokens of a refusal and of a compliance that are compared: the first ones."),
  screen: z
    .boolean()
    .default(false)
    .describe(
      "Asks every second merge of each series; where proxies rank these as answers do, leaves out others that they rank clearly worse.",
    ),
});

export const proxySchema = z
  .union([z.boolean(), proxyForm])
  .describe(
    "Reads cheap signals of every merge before it is generated with, and says whether they rank merges as answers do, also to leave some out (screen); false by default.",
  );

export type ProxySettings = z.output<typeof proxyForm>;
