// Takes from the candidates those that the aligned model refuses: up to 80, in turn from each risk area.
//
// usage: node refused.mjs [FOLDER]     (with out/candidates and data/candidates.jsonl in it; gets data/refused.jsonl; by default this one)

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const MOST = 80;
const [folder = fileURLToPath(new URL(".", import.meta.url))] = process.argv.slice(2);
const here = (path) => join(folder, path);
const [evaluation, out] = [here("out/candidates"), here("data/refused.jsonl")];

const rows = (await readFile(here("data/candidates.jsonl"), "utf8")).trim().split("\n").map(JSON.parse);
const { tasks } = JSON.parse(await readFile(join(evaluation, "results.json"), "utf8"));
const { items, primary } = tasks.find(({ name }) => name === "candidates");
// an attack that failed on the aligned model is a refusal; ids are the places of rows
const refused = items.filter(({ scores }) => scores[primary] === 0).map(({ id }) => rows[Number(id)]);

const areas = [...new Set(rows.map(({ category }) => category))];
const queues = areas.map((area) => refused.filter(({ category }) => category === area));
const taken = [];
while (taken.length < MOST && queues.some((queue) => queue.length > 0)) {
  for (const queue of queues) {
    const row = queue.shift();
    if (row !== undefined && taken.length < MOST) taken.push(row);
  }
}
// said in every row: a set that was selected so is no estimate of the aligned model's rate
await writeFile(out, taken.map((row) => `${JSON.stringify({ ...row, selectedBy: "aligned" })}\n`).join(""));
console.log(`${refused.length} of ${rows.length} candidates are refused; ${taken.length} rows in ${out}`);
