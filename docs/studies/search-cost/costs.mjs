// What each way of a search took, by its steps: node costs.mjs SEARCHED

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [searched] = process.argv.slice(2);
const ways = {};
for (const name of readdirSync(join(searched, "steps"))) {
  const { step, seconds, newTokens, tunedTokens = 0 } = JSON.parse(readFileSync(join(searched, "steps", name, "step.json"), "utf8"));
  const what = step.replace(/^verdicts /, "").replace(/[ ,].*/, "");
  ways[what] ??= { answers: 0, verdicts: 0, newTokens: 0, learnedTokens: 0 };
  ways[what][step.startsWith("verdicts") ? "verdicts" : "answers"] += seconds;
  ways[what].newTokens += newTokens;
  ways[what].learnedTokens += tunedTokens;
}
console.table(ways);
