// One process of the benchmark of judges: ours. Argument: a JSON of settings; prints a JSON of seconds.

import { openModel } from "../../../dist/index.js";

const { model: folder, precision, threads, verdicts, instructions, answer, by } = JSON.parse(process.argv[2]);
const model = await openModel(folder, { engine: "native", precision, threads });
let state = 1;
const token = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return 3 + (state % 30_000);
};
const tokens = (count) => Array.from({ length: count }, token);
const common = tokens(instructions);
const prompts = Array.from({ length: verdicts }, () => [...common, ...tokens(answer)]);
// The form of WildGuard: up to its first word 5 tokens, then 8 and 7 more, with "yes" or "no" at two places.
const [first, second, third] = [tokens(5), tokens(7), tokens(6)];
const [yes, no, other] = [11, 12, 13];
const endings = [
  first,
  ...[yes, no].map((a) => [...first, a, ...second]),
  ...[yes, no].flatMap((a) => [yes, no].map((b) => [...first, a, ...second, b, ...third])),
];
const asked = by === "form" ? prompts.flatMap((prompt) => endings.map((ending) => [...prompt, ...ending])) : prompts;
for await (const _ of model.nextLogprobs([tokens(64)], [[yes]])); // to warm up
const started = performance.now();
let count = 0;
for await (const _ of model.nextLogprobs(
  asked,
  asked.map(() => [yes, no, other]),
))
  count += 1;
const seconds = (performance.now() - started) / 1000;
if (count !== asked.length) throw new Error(`${count} of ${asked.length}`);
await model.close();
console.log(JSON.stringify({ seconds }));
