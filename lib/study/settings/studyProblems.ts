// What is wrong with a study by itself, though each of its experiments may be right.

import { isDeepStrictEqual } from "node:util";
import type { Problems } from "../../experiment/settings/problems.js";
import type { Path } from "../../recipe/located.js";
import { nearest } from "../../recipe/suggest.js";
import { NAME, type StudyText } from "./schema.js";

const WORDS = ["task", "model", "seed"] as const;

export function addStudyProblems(study: StudyText, problems: Problems): void {
  const say = (text: string, path: Path, hint?: string) => problems.add(text, "BAD_RECIPE", { path, hint });
  for (const kind of ["tasks", "models"] as const) {
    const names = Object.keys(study[kind]);
    for (const name of names) {
      if (!NAME.test(name)) {
        say(`${kind}: \`${name}\` cannot be the name of a folder`, [kind, name], "use letters, digits, _, . and -");
      }
    }
    const folded = names.map((name) => name.toLowerCase());
    for (const [at, name] of folded.entries()) {
      if (folded.indexOf(name) !== at)
        say(`${kind}: \`${names[at]}\` differs in case alone from another`, [kind, names[at] as string]);
    }
  }
  const { tuned, tune, seeds } = study;
  if (tuned && !seeds)
    say("tuned needs seeds: which tunings are there?", ["tuned"], "such as seeds: [42, 1024, 48763]");
  if (tuned && tuned.adapter === undefined && tuned.model === undefined) {
    say("tuned: give either model or adapter", ["tuned"]);
  }
  for (const [path, text] of [
    [["tuned", "adapter"], tuned?.adapter],
    [["tuned", "model"], tuned?.model],
    [["tune", "data"], tune?.data],
  ] as const) {
    if (text !== undefined) sayOfPattern(study, path, text, say);
  }
  const [first, ...others] = (seeds ?? []).map(String);
  if (first !== undefined && new Set([first, ...others]).size <= others.length) {
    say("seeds holds one of them twice", ["seeds"]);
  }
  const models = Object.entries(study.models);
  for (const [at, [name, model]] of models.entries()) {
    const same = models.slice(0, at).find(([, one]) => isDeepStrictEqual(one, model));
    if (same) say(`models: ${name} is the same as ${same[0]}`, ["models", name]);
  }
}

type Say = (text: string, path: Path, hint?: string) => void;

/** A pattern that leaves out what differs would take one thing for several. */
function sayOfPattern(study: StudyText, path: Path, text: string, say: Say): void {
  const words = [...text.matchAll(/\{([^{}]*)\}/g)].map(([, word = ""]) => word);
  for (const word of words.filter((one) => !WORDS.includes(one as never))) {
    const meant = nearest(word, WORDS);
    const hint = meant === undefined ? "known are {task}, {model} and {seed}" : `did you mean {${meant}}?`;
    say(`${path.join(".")}: unknown name {${word}}`, path, hint);
  }
  if (words.some((one) => !WORDS.includes(one as never))) return;
  const isData = path[0] === "tune";
  const count = {
    task: Object.keys(study.tasks).length,
    model: Object.keys(study.models).length,
    seed: study.seeds?.length ?? 0,
  };
  for (const word of WORDS) {
    if (count[word] < 2 || words.includes(word)) continue;
    if (isData && word !== "task") continue; // one file for all models and seeds is what is usual
    say(`${path.join(".")} has no {${word}}: all ${count[word]} ${word}s would have the same`, path);
  }
}
