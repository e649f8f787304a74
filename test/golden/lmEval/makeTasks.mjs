// Makes tasks.json: what lm-evaluation-harness itself asks and measures for the tasks in tasks/, which are ours, on the rows of
// test/differential/lmEval. Needs a Python with all of lm_eval 0.4.13 in RETEMPER_PYTHON (the peers of the tests lack scikit-learn,
// which computes F1):
//
//     npx vitest run … does not need it; RETEMPER_PYTHON=python node makeTasks.mjs FOLDER_WITH_DATA
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), "retemper-lm-eval-golden-"));
const answers = ["lamp", " The answer is box. And", "the answer is río", "it's \"blue\"", "Cup of  tea 7!", "answer is Lamp", "", "río\n"];
writeFileSync(join(folder, "answers.json"), JSON.stringify({ "": answers }));
const tasks = ["choice", "yes_no", "likelihood", "rolling", "write", "several", "letters", "group"];
const request = {
  data: process.argv[2],
  answers: join(folder, "answers.json"),
  include: join(here, "tasks"),
  tasks: tasks.map((name) => `words_${name}`),
};
writeFileSync(join(folder, "request.json"), JSON.stringify(request));
const script = join(here, "../../differential/lmEval/runHarness.py");
const made = spawnSync(process.env.RETEMPER_PYTHON, [script, join(folder, "request.json"), join(folder, "out.json")], { encoding: "utf8" });
if (made.status !== 0) throw new Error(made.stderr);
const { tasks: found, results } = JSON.parse(readFileSync(join(folder, "out.json"), "utf8"));
writeFileSync(join(here, "tasks.json"), `${JSON.stringify({ tasks: found, results })}\n`);
rmSync(folder, { recursive: true });
