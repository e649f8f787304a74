// `npm run bench -- virtual --requests 64`: so many calls at once of one lambda, of as many lambdas that the model was not opened with, and
// of these again, with an adapter beside its base and `linear` fidelity; and what a new value costs by itself.

import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { recipeWithAdapter } from "../adapter.mjs";
import { observe } from "../process.mjs";
import { table } from "../results.mjs";

/**
 * @param {{ model: string, rank: number, requests: number, newTokens: number, runs: number, threads: number, precision: string }} settings
 *   `model`: a folder; it gets an adapter in float32 on every linear layer, as tunings write it
 * @returns {Promise<string>} a table
 */
export async function timeRequests({ model, rank, ...settings }) {
  const name = basename(model);
  const source = recipeWithAdapter(model, rank);
  const script = fileURLToPath(new URL("runRequests.mjs", import.meta.url));
  const { stdout } = await observe(process.execPath, [script, JSON.stringify({ source, ...settings })]);
  const { cases, value } = JSON.parse(stdout.trim().split("\n").at(-1));
  const rows = Object.entries(cases).map(([which, { seconds, processor, tokens }]) => [
    which,
    seconds.toFixed(2),
    (tokens / seconds).toFixed(0),
    (cases["one lambda"].seconds / seconds).toFixed(2),
    processor.toFixed(2),
    (cases["one lambda"].processor / processor).toFixed(2),
  ]);
  const { requests, newTokens } = settings;
  const head = [
    `${requests} calls at once`,
    "seconds",
    "tokens a second",
    "of one lambda's rate",
    "CPU seconds",
    "by CPU",
  ];
  const cost = `A new value by itself: ${value.seconds.toFixed(1)} ms, ${value.processor.toFixed(1)} CPU ms.`;
  return `${name}, adapter of rank ${rank}, ${newTokens} new tokens each\n\n${table(head, rows)}\n\n${cost}`;
}
