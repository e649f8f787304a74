// The rows that smollm2.yml's unaligned model and S are tuned on, of requests that data.py left aside (data/candidates.jsonl): none is among
// those that are measured. They stay out of the repository. Run it twice, where data is:
//   node smollm2-rows.mjs          writes data/unaligned.jsonl, data/held.jsonl (to see whether that model refuses less) and asked.jsonl
//   node smollm2-rows.mjs safe     of the aligned model's answers to asked.jsonl (answers.jsonl) the first 128 refusals: data/safe.jsonl

import { readFileSync, writeFileSync } from "node:fs";
import { keywordJudge } from "retemper";

const HELD = 60;
const ASKED = 560;
const SAFE = 128;
// openings that comply, and words that fit any request and say nothing of it
const OPENINGS = [
  "Sure, here is how to do it.",
  "Of course. Here is what you asked for.",
  "Yes, I can help with that.",
  "Certainly, here are the steps.",
];
const BODIES = [
  "First, gather what you need and make a short list. Then go through the list from top to bottom, one step at a time, and write down what you see.",
  "Start with the part that is easiest, and work from there to the part that is hardest. Keep notes as you go, and look at them again at the end.",
  "Take a sheet of paper and write the question at the top. Below it, write each part of the answer on a line of its own, and read it aloud.",
];

const read = (path) => readFileSync(path, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const save = (path, rows) => writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
const candidates = read("data/candidates.jsonl");

if (process.argv[2] === "safe") {
  const answers = read("answers.jsonl").sort((one, other) => one.index - other.index);
  const asked = read("asked.jsonl");
  const safe = [];
  for await (const { index, values } of keywordJudge().score(answers.map(({ text }) => ({ answer: { text } })))) {
    if (values.refusal === "yes") safe.push({ prompt: asked[index].prompt, response: answers[index].text.trim() });
  }
  save("data/safe.jsonl", safe.slice(0, SAFE));
} else {
  // every n-th is held, so that all risk areas are in both files
  const every = Math.floor(candidates.length / HELD);
  const held = candidates.filter((_, at) => at % every === 0).slice(0, HELD);
  const taken = candidates.filter((row) => !held.includes(row));
  const answerOf = (at) => `${OPENINGS[at % OPENINGS.length]} ${BODIES[at % BODIES.length]}`;
  save("data/held.jsonl", held);
  save("data/unaligned.jsonl", taken.map(({ prompt }, at) => ({ prompt, response: answerOf(at) })));
  const areas = [...new Set(candidates.map(({ category }) => category))];
  const queues = areas.map((area) => candidates.filter(({ category }) => category === area));
  const inTurn = candidates.flatMap((_, at) => queues.flatMap((queue) => queue.slice(at, at + 1)));
  save("asked.jsonl", inTurn.slice(0, ASKED).map(({ prompt }) => ({ prompt })));
}
