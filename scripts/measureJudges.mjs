// Measures the keyword judges against people's labels: our patterns, GCG's phrases and Qi's. The labelled answers are those of
// the wheel pyrit 1.1.0 (MIT), which pip downloads into a temporary folder: nothing of it stays. Needs a built dist/, Python
// with pip, and an index that has the wheel.
//
// Three kinds of labels: whether an answer refuses (169), whether it does what a harmful request asks (395), and how harmful it is
// (984, graded). Our patterns were
// improved while looking at one half of each, "seen" (the even first bytes of the answer's sha256); the other half, "unseen",
// was not looked at, and is what docs/evaluate.md shows.
//
// With --model FOLDER it measures that language model instead, under the prompts of judges that are read from probabilities:
// how well these tell the two kinds of answers apart. --every N takes the answers whose sha256 has a second byte that N divides.
//
// npm run measure:judges [-- --wheel FILE] [--model FOLDER [--every N] [--judges harmbench,wildguard] [--labels refused]]

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { readRows } from "../dist/evaluate/data/rows.js";
import { agreement, areaUnderCurve, keywordJudge, namedJudge, openModel, wilson } from "../dist/index.js";
import { seededRandom } from "../dist/statistics/seededRandom.js";

const WHEEL = "pyrit==1.1.0";
const PLACE = "pyrit/datasets/scorer_evals";
const RESAMPLES = 2000;
const HEAD = "| judge | labels | n | sensitivity | specificity | agreement | kappa |\n|---|---|---|---|---|---|---|";
const JUDGES = [keywordJudge(), keywordJudge({ phrases: "gcg" }), keywordJudge({ phrases: "qi" })];

/** What each of them says of an answer, by kind of label. */
const MODEL_JUDGES = {
  harmbench: { harm: "harmfulProbability" },
  wildguard: { harm: "harmfulProbability", refusal: "refusalProbability" },
  strongreject: { harm: "score" },
  shieldgemma: { harm: "harmfulProbability" },
};
const MODEL_HEAD = "| prompts of | labels | n | AUC | answered, median |\n|---|---|---|---|---|";

const { values } = parseArgs({
  options: {
    wheel: { type: "string" },
    model: { type: "string" },
    every: { type: "string", default: "1" },
    judges: { type: "string", default: Object.keys(MODEL_JUDGES).join(",") },
    labels: { type: "string", default: "refused,harmful,graded" },
  },
});
const folder = mkdtempSync(join(tmpdir(), "retemper-judges-"));
try {
  const wheel = values.wheel ?? download();
  python(["-m", "zipfile", "-e", wheel, folder]);
  const refusals = await labelled(join(folder, PLACE, "refusal_scorer"));
  const objectives = await labelled(join(folder, PLACE, "objective"));
  const graded = await gradedAnswers(join(folder, PLACE, "harm"));
  if (values.model === undefined) await ofPhrases(refusals, objectives, graded);
  else await ofModel({ refused: refusals, harmful: objectives, graded });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function ofPhrases(refusals, objectives, graded) {
  for (const half of ["unseen", "seen"]) {
    const of = (rows) => rows.filter((row) => halfOf(row) === half);
    console.log(`\nThe half of the labels that was ${half} when the patterns were made\n`);
    console.log(HEAD);
    for (const judge of JUDGES) console.log(await line(judge, "refused", of(refusals)));
    for (const judge of JUDGES) console.log(await line(judge, "harmful", of(objectives)));
  }
  // none of these was looked at
  console.log(`\nThe ${graded.length} answers whose harm people graded: harmful from .5 on\n`);
  console.log(HEAD);
  for (const judge of JUDGES) console.log(await line(judge, "graded", graded));
}

async function ofModel(labels) {
  const model = await openModel(values.model, { engine: "native" });
  console.log(`\n${basename(values.model)} under the prompts of judges, read from probabilities\n\n${MODEL_HEAD}`);
  for (const name of values.judges.split(",")) {
    for (const what of values.labels.split(",")) {
      const said = MODEL_JUDGES[name][what === "refused" ? "refusal" : "harm"];
      const rows = labels[what].filter(({ text }) => digestOf(text)[1] % Number(values.every) === 0);
      if (said !== undefined) console.log(await modelLine(namedJudge(`${name}:model`), model, { what, said, rows }));
    }
  }
  await model.close();
}

async function modelLine(named, model, { what, said, rows }) {
  const judge = named.open(model, named.kind === "wildguard" ? { by: "probabilities" } : {});
  const [numbers, labels, answered] = [[], [], []];
  for await (const { index, values: of } of judge.score(exchangesOf(rows), {})) {
    answered.push(of.answered);
    if (typeof of[said] !== "number") continue;
    numbers.push(of[said]);
    labels.push(rows[index].yes);
  }
  const { value, low, high } = areaUnderCurve(numbers, labels);
  const median = answered.sort((a, b) => a - b)[Math.floor(answered.length / 2)];
  const kinds = `${numbers.length} (${labels.filter(Boolean).length} yes)`;
  return `| ${named.kind} | ${what} | ${kinds} | ${number(value)} (${number(low)} to ${number(high)}) | ${median.toPrecision(2)} |`;
}

function download() {
  python(["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL]);
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith(".whl")),
  );
}

function python(args) {
  const { status, error } = spawnSync("python3", args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`python3 ${args.join(" ")} failed${error ? `: ${error.message}` : ""}`);
}

/** The rows of each CSV file of a folder. Files begin with lines of remarks, which no reader of CSV knows. */
async function* filesOf(place) {
  for (const name of readdirSync(place).filter((name) => name.endsWith(".csv"))) {
    const lines = readFileSync(join(place, name), "utf8")
      .replace(/^\uFEFF/, "")
      .split("\n");
    const start = lines.findIndex((text) => !/^"?#/.test(text));
    const file = join(folder, `${basename(place)}-${name}`);
    writeFileSync(file, lines.slice(start).join("\n"));
    yield { name, rows: (await readRows(file)).rows };
  }
}

/** Answers and what people say of each. */
async function labelled(place) {
  const found = [];
  for await (const { name, rows } of filesOf(place)) {
    for (const { assistant_response: text, human_score: score, objective } of rows) {
      if (!["0", "1", "0.0", "1.0"].includes(String(score))) throw new Error(`${name}: a label is ${score}`);
      found.push({ text: String(text), request: String(objective), yes: Number(score) === 1 });
    }
  }
  return found;
}

/** Each answer once, with the mean of its grades from 0 to 1. */
async function gradedAnswers(place) {
  const found = new Map();
  for await (const { name, rows } of filesOf(place)) {
    for (const row of rows) {
      const grades = Object.entries(row).flatMap(([column, value]) =>
        /^human_score/.test(column) && value !== "" ? [Number(value)] : [],
      );
      if (grades.length === 0 || grades.some((grade) => !(grade >= 0 && grade <= 1))) {
        throw new Error(`${name}: an answer has the grades ${grades}`);
      }
      const mean = grades.reduce((sum, grade) => sum + grade, 0) / grades.length;
      found.set(JSON.stringify([row.objective, row.assistant_response]), {
        text: String(row.assistant_response),
        request: String(row.objective),
        yes: mean >= 0.5,
      });
    }
  }
  return [...found.values()];
}

function digestOf(text) {
  return createHash("sha256").update(text).digest();
}

function halfOf({ text }) {
  return digestOf(text)[0] % 2 === 0 ? "seen" : "unseen";
}

function exchangesOf(rows) {
  return rows.map(({ text, request }, at) => ({
    item: { id: String(at), prompt: request, request },
    answer: { text, tokens: 0 },
  }));
}

async function line(judge, what, rows) {
  const said = [];
  for await (const { index, values } of judge.score(exchangesOf(rows), {})) {
    said[index] = (what === "refused" ? values.refusal : values.harmful) === "yes";
  }
  const share = (truth) => {
    const places = [...rows.keys()].filter((at) => rows[at].yes === truth);
    const right = places.filter((at) => said[at] === truth).length;
    return `${right} of ${places.length}: ${number(right / places.length)} (${wilson(right, places.length).map(number).join(" to ")})`;
  };
  const words = (list) => list.map((yes) => (yes ? "yes" : "no"));
  const both = agreement(words(said), words(rows.map(({ yes }) => yes)));
  const [low, high] = kappaInterval(said, rows);
  const kappa = `${number(both.kappa)} (${number(low)} to ${number(high)})`;
  return `| ${judge.name} | ${what} | ${rows.length} | ${share(true)} | ${share(false)} | ${number(both.agreement)} | ${kappa} |`;
}

/** 95 % by a seeded bootstrap over the answers. */
function kappaInterval(said, rows) {
  const random = seededRandom(0);
  const kappas = Array.from({ length: RESAMPLES }, () => {
    const places = rows.map(() => random(rows.length));
    const drawn = (list) => places.map((at) => (list[at] ? "yes" : "no"));
    return agreement(drawn(said), drawn(rows.map(({ yes }) => yes))).kappa ?? 0;
  }).sort((a, b) => a - b);
  return [kappas[Math.floor(0.025 * RESAMPLES)], kappas[Math.ceil(0.975 * RESAMPLES) - 1]];
}

function number(value) {
  return value.toFixed(2).replace(/^(-?)0\./, "$1.");
}
