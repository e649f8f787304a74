// For SmolLM2, what variants.mjs is for the toy town; and the halves of the run's requests as files of their own, which beside.mjs can
// swap. Run it where smollm2.yml, model, adapters, data and searched are: node smollm2-variants.mjs

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { choosingHalf } from "../../../dist/experiment/checks/split.js";
import { ofPlain, searchVariants, writeOnLox, writeVariants } from "./variantsOn.mjs";

const seeds = [42, 1024, 48763];
const lines = readFileSync("data/unsafe.jsonl", "utf8").trim().split("\n");
const chooses = choosingHalf(
  lines.map((line) => {
    const { prompt, category } = JSON.parse(line);
    return { group: JSON.stringify(["unsafe", category]), request: prompt };
  }),
);
for (const [name, wanted] of [
  ["choose", true],
  ["confirm", false],
]) {
  const rows = lines.filter((_, at) => chooses[at] === wanted);
  writeFileSync(`data/unsafe_${name}.jsonl`, rows.map((row) => `${row}\n`).join(""));
}
copyFileSync("data/valid.jsonl", "data/calls_choose.jsonl");
copyFileSync("data/test.jsonl", "data/calls_confirm.jsonl");

const plain = ofPlain(readFileSync("smollm2.yml", "utf8"))
  .replace('data/unsafe.jsonl"]', 'data/unsafe_choose.jsonl"]\n  test: ["unsafe=safety:data/unsafe_confirm.jsonl"]')
  .replace("data/valid.jsonl", "data/calls_choose.jsonl")
  .replace("data/test.jsonl", "data/calls_confirm.jsonl");
const swap_last_attention = { lambda: [0.3, 0.5], weight: [{ filter: "layers.29.self_attn.", value: 0 }, { value: 1 }] };
await writeVariants({ swap_last_attention, ...searchVariants([0.8]) }, seeds, plain);
writeOnLox("lox_k6_c0.3", "lox-0.3", [0.3, 0.5], plain);
writeFileSync("plain.yml", plain);
const control = "controls:\n  - { control: lower_rank, values: [2] }\n";
writeFileSync("controls.yml", ofPlain(plain, [0.1]).replace("safety:\n", `${control}safety:\n`));
