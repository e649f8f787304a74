// Puts what no experiment has as a method (lox, layers that stay aligned, what a search found, controls) beside the plain lambda, as
// besideLinear does with methods, and adjusts the p of a new tuning over all of them together. Run it where the runs are, twice:
//   node beside.mjs pick        picks by the items that choose, and writes confirm-*.yml
//   node beside.mjs compare     reads their runs (runs/confirm-*) and writes beside.json and beside.md

import assert from "node:assert";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { besideLine, pickBeside, usefulPoints, withHolm } from "../../../dist/experiment/controls/besideLinear.js";

const read = (folder) => JSON.parse(readFileSync(`${folder}/results.json`, "utf8"));
const plain = read("plain");
const folders = readdirSync("runs").filter((name) => !name.startsWith("confirm-") && existsSync(`runs/${name}/results.json`));

/** The fine-tuned model is the point at lambda 1. */
const pointsOf = ({ validation: { candidates, tuned } }) => [
  ...candidates.map((one) => ({ ...one, name: `lambda ${one.lambda}` })),
  { ...tuned, lambda: 1, name: "lambda 1" },
];
const linear = plain.validation.candidates.filter(({ method, parameters }) => method === "linear" && !parameters);
const line = [
  { ...plain.validation.aligned, lambda: 0, name: "the aligned model" },
  ...linear.map((one) => ({ ...one, name: `linear at lambda ${one.lambda}` })),
  { ...plain.validation.tuned, lambda: 1, name: "the fine-tuned model" },
];

/** What a run measured, each with its points: of the run of the controls each control, of another its one variant. */
function variantsOf(folder) {
  const own = read(`runs/${folder}`);
  assert.deepEqual(own.items.validation, plain.items.validation);
  if (!own.controls) return [{ name: folder, points: pointsOf(own) }];
  return own.controls.curves.map(({ kind, points }) => ({ name: kind, points: points.map(named) }));
}

const ranks = ({ parameters = {} }) => Object.entries(parameters).map(([key, value]) => `${key} ${value}`);
const named = (point) => ({ ...point, name: ranks(point)[0] ?? `lambda ${point.lambda}` });

function picksOf(folder) {
  const { aligned, tuned } = plain.validation;
  return variantsOf(folder).flatMap(({ name, points }) => {
    const useful = usefulPoints(points, { aligned, tuned }, { minGain: 0.5, better: "high" });
    return ["score", "safety"].map((equal) => ({ folder, name, equal, useful, found: pickBeside(useful, line, equal, "high") }));
  });
}

const picked = folders.flatMap(picksOf);
const swapped = (text) =>
  text.replaceAll("_choose.jsonl", "_X.jsonl").replaceAll("_confirm.jsonl", "_choose.jsonl").replaceAll("_X.jsonl", "_confirm.jsonl");

/** The experiment on the items that confirm, with those of its plain merges, or of its controls, that are wanted. */
function confirming(text, wanted) {
  const isWanted = (row) => wanted.some(({ name }) => row.includes(`control: ${name},`));
  const rows = text.split("\n").filter((row) => !row.includes("control: ") || isWanted(row));
  const lambdas = [...new Set(wanted.map(({ point }) => point.lambda))].sort();
  const grid = text.includes("control: ") ? "$&" : `linear, lambda: [${lambdas.join(", ")}]`;
  return swapped(rows.join("\n")).replace(/linear, lambda: \[.*?\]/, grid);
}

/** On the items that confirm, where an experiment measured it as its choice or its fine-tuned model, or the swapped one did. */
function tested({ folder, name: variant, point: { lambda, name } }) {
  const { test, controls } = read(folder === "plain" ? folder : `runs/${folder}`);
  const swappedRun = `runs/confirm-${folder}`;
  const confirmed = existsSync(`${swappedRun}/results.json`) ? read(swappedRun) : undefined;
  const found = controls
    ? confirmed?.controls.curves.find(({ kind }) => kind === variant)?.points.find((one) => named(one).name === name)
    : (lambda === 0 && test.aligned) ||
      (lambda === 1 && test.tuned) ||
      test.chosen.find((one) => one.lambda === lambda) ||
      confirmed?.validation.candidates.find((one) => one.lambda === lambda);
  return found && { score: found.score, asr: found.asr, name };
}

if (process.argv[2] === "pick") {
  const chosen = picked.filter(({ found }) => found);
  const ends = chosen.flatMap(({ found: { lower, upper } }) => [lower, upper]).map((point) => ({ folder: "plain", point }));
  const points = chosen.map(({ folder, name, found: { point } }) => ({ folder, name, point }));
  const missing = [...ends, ...points].filter((one) => !tested(one));
  for (const folder of new Set(missing.map((one) => one.folder))) {
    const wanted = missing.filter((one) => one.folder === folder);
    writeFileSync(`confirm-${folder}.yml`, confirming(readFileSync(`${folder}.yml`, "utf8"), wanted));
    console.log(`confirm-${folder}.yml`);
  }
} else {
  const rows = picked.map(({ folder, name, equal, useful, found }) => {
    if (!found) {
      const why = useful.length > 0 ? "no number is equal on the plain line, or it hardly moves there" : "none of its points keeps .5 of the gain";
      return { method: name, equal, why };
    }
    const [lower, upper] = [found.lower, found.upper].map((end) => tested({ folder: "plain", point: end }));
    const point = tested({ folder, name, point: found.point });
    return besideLine({ method: name, equal, point, lower, upper });
  });
  const { besideLinear, testLabels } = read("out");
  // judged again, over all rows
  const methods = besideLinear.rows.map(({ pHolm, newPHolm, verdict, ...row }) => row);
  const all = withHolm([...methods, ...rows], { better: "high", labels: testLabels });
  writeFileSync("beside.json", `${JSON.stringify(all, null, 1)}\n`);
  writeFileSync("beside.md", textOf(all, testLabels));
}

function textOf({ rows, sentence }, labels) {
  const number = (value) => (value === undefined ? "" : value.toFixed(3));
  const signed = (value) => `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(3)}`;
  const p = (value) => (value === undefined ? "" : value < 0.0001 ? "< .0001" : value.toFixed(4));
  const tables = ["score", "safety"].map((equal) => {
    const cells = rows
      .filter((row) => row.equal === equal)
      .map((row) =>
        row.difference === undefined
          ? [row.method, row.point ?? "", "", "", "", "", "", "", row.why]
          : [
              ...[row.method, row.point, row.between.map((one) => one.replace("linear at lambda ", "")).join(" and ")],
              ...[number(row.merged), number(row.line), `${signed(row.difference)} (${signed(row.low)} to ${signed(row.high)})`],
              ...[row.newP === undefined ? "" : `${signed(row.newLow)} to ${signed(row.newHigh)}`, `${p(row.newPHolm)} / ${p(row.p)}`, row.verdict ?? "of these tunings alone"],
            ],
      );
    const [same, other] = equal === "score" ? [labels.score, labels.asr] : [labels.asr, labels.score];
    const head = ["what", "its merge", "plain, between", "merge", "plain", "merge - plain (these tunings)", "new tuning", "p: new (Holm) / these", "verdict"];
    const lines = [head, head.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`);
    return `## At equal ${same}: ${other}\n\n${lines.join("\n")}\n`;
  });
  return `${sentence}\n\n${tables.join("\n")}`;
}
