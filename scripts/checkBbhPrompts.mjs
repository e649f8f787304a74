// Compares our prompts of BIG-Bench Hard with those that lm-evaluation-harness itself builds, for all 27 subtasks. Installs
// the harness from PyPI into a temporary folder (two minutes), or takes a Python that has it; nothing of it stays. The
// questions are made up, so no data set is needed. Needs a built dist/.
//
// node scripts/checkBbhPrompts.mjs [--python PYTHON_WITH_LM_EVAL]

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bbhPrompt, readBbhPreamble } from "../dist/index.js";

const PACKAGE = "lm-eval==0.4.13";
const QUESTIONS = ['Where is {{ it }} & "that" <b>$1</b>?\nOptions:\n(A) here\n(B) $& there', "x"];

// The harness with its data set replaced by our questions: everything else is its own.
const PROGRAM = `
import glob, json, os, sys
import datasets, lm_eval.tasks
from lm_eval.api.task import ConfigurableTask

rows = [{"input": text, "target": "(A)"} for text in json.loads(sys.argv[1])]
def download(self, *args, **kwargs):
    self.dataset = datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)})
ConfigurableTask.download = download

folder = os.path.join(os.path.dirname(lm_eval.tasks.__file__), "bbh", "cot_fewshot")
manager = lm_eval.tasks.TaskManager()
prompts = {}
for path in sorted(glob.glob(folder + "/[a-z]*.yaml")):
    name = os.path.basename(path)[:-5]
    task = manager.load("bbh_cot_fewshot_" + name)
    while isinstance(task, dict):
        task = list((task["tasks"] if "tasks" in task else task).values())[0]
    task.set_fewshot_seed(1234)
    prompts[name] = [task.fewshot_context(doc, 3) for doc in task.dataset["test"]]
print(json.dumps({"folder": folder, "prompts": prompts}))
`;

const { values } = parseArgs({ options: { python: { type: "string" } } });
const temporary = values.python ? undefined : mkdtempSync(join(tmpdir(), "retemper-lm-eval-"));
try {
  const python = values.python ?? install(temporary);
  const { folder, prompts } = JSON.parse(run(python, ["-c", PROGRAM, JSON.stringify(QUESTIONS)]));
  const subtasks = readdirSync(folder).filter((name) => /^[a-z].*\.yaml$/.test(name));
  let [same, compared] = [0, 0];
  for (const name of subtasks.map((file) => file.slice(0, -".yaml".length))) {
    const preamble = await readBbhPreamble(folder, name);
    for (const [at, question] of QUESTIONS.entries()) {
      compared += 1;
      const [ours, theirs] = [bbhPrompt(preamble, question), prompts[name]?.[at]];
      if (ours === theirs) same += 1;
      else console.log(`${name}: ${firstDifference(ours, String(theirs))}`);
    }
  }
  console.log(`${same} of ${compared} prompts of ${subtasks.length} subtasks are the harness's own`);
  process.exitCode = same === compared && subtasks.length === 27 ? 0 : 1;
} finally {
  if (temporary) rmSync(temporary, { recursive: true, force: true });
}

function install(folder) {
  run("python3", ["-m", "venv", folder]);
  run(join(folder, "bin/pip"), ["install", "--quiet", PACKAGE]);
  return join(folder, "bin/python");
}

function run(file, args) {
  const env = { ...process.env, HF_HUB_OFFLINE: "1" };
  const { status, stdout, stderr, error } = spawnSync(file, args, { maxBuffer: 1 << 28, encoding: "utf8", env });
  if (status !== 0) throw new Error(`${file}: ${error?.message ?? stderr.slice(-2000)}`);
  return stdout;
}

function firstDifference(ours, theirs) {
  let at = 0;
  while (at < ours.length && ours[at] === theirs[at]) at += 1;
  return `at ${at}: ${JSON.stringify(ours.slice(at - 20, at + 40))}, not ${JSON.stringify(theirs.slice(at - 20, at + 40))}`;
}
