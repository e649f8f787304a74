"""Runs lm-evaluation-harness itself, its tasks unchanged, on data of ours.

usage: python runHarness.py REQUEST.json OUT.json

A request names the tasks, the folder of the data (ORG--NAME/CONFIGURATION/SPLIT.jsonl) and what answers: a model's folder,
or a file of answers by the sha256 of their context. What comes out: of every item its requests, responses, what filters left
of them, and its scores; and the numbers of the tasks. A file with several (`requests`) has several answers: what takes longest is
that the harness begins. Such a file may also name the folders in which its tasks are (`folders`, which saves reading all 14,000
files), arguments of makeModel.py (`make`), and NLTK's data (`nltk`).
Nothing is downloaded: data sets come from the folder, and the metric code_eval, which is a script on the hub, is done here by
running programs: those of the test, which are harmless. What a model wrote is not run; it must be no program."""
import hashlib
import json
import os
import runpy
import subprocess
import sys

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_ALLOW_CODE_EVAL="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")

file = json.load(open(sys.argv[1]))
if "nltk" in file:
    os.environ["NLTK_DATA"] = file["nltk"]
# what is the same for all of them
common = {key: value for key, value in file.items() if key not in ("requests", "nltk", "folders", "make")}
current = {}
if "make" in file:
    program, *sys.argv[1:], out = sys.argv[0], *file["make"], sys.argv[2]
    runpy.run_path(os.path.join(os.path.dirname(program), "makeModel.py"), run_name="__main__")
else:
    out = sys.argv[2]

import datasets
import evaluate


def load_dataset(path, name=None, **_):
    folder = os.path.join(current["data"], path.replace("/", "--"), name or "")
    files = {file[: -len(".jsonl")]: os.path.join(folder, file) for file in sorted(os.listdir(folder)) if file.endswith(".jsonl")}
    return datasets.DatasetDict({split: datasets.Dataset.from_list([json.loads(line) for line in open(file)]) for split, file in files.items()})


def require_no_program(text):
    try:
        compile(text, "answer", "exec")
    except (SyntaxError, ValueError):
        return
    raise AssertionError(f"a model wrote a program: {text}")


class CodeEval:
    def compute(self, references, predictions, k):
        shares = []
        for reference, candidates in zip(references, predictions):
            passed = []
            for candidate in candidates:
                program = candidate + "\n" + reference
                # with the harness's own test of this metric
                if "answers" not in current and candidate != "def add(a,b): return a*b":
                    passed.append(False)
                    require_no_program(program)
                    continue
                try:
                    run = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, timeout=5)
                    passed.append(run.returncode == 0)
                except subprocess.TimeoutExpired:
                    passed.append(False)
            shares.append(sum(passed) / len(passed))
        assert list(k) == [1]
        return {"pass@1": sum(shares) / len(shares)}, None


datasets.load_dataset = load_dataset
evaluate.load = lambda name, *_, **__: CodeEval()

import lm_eval
import lm_eval.tasks
from lm_eval.api.model import LM


class Canned(LM):
    """Answers from a file, and likelihoods that a digest makes up."""

    def __init__(self, answers):
        super().__init__()
        self.answers = json.load(open(answers))
        self.first, self.counts = {}, {}

    def generate_until(self, requests, disable_tqdm=False):
        made = []
        for one in requests:
            digest = hashlib.sha256(one.args[0].encode()).hexdigest()
            answers = self.answers.get(digest, self.answers.get("", [""]))
            # another answer to each prompt, and to each repeat of one
            first = self.first.setdefault(digest, len(self.first))
            count = self.counts[digest] = self.counts.get(digest, -1) + 1
            made.append(answers[(first + count) % len(answers)])
        return made

    def loglikelihood(self, requests, disable_tqdm=False):
        return [(self.likelihood("\0".join(one.args)), len(one.args[1]) % 2 == 0) for one in requests]

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        return [self.likelihood(one.args[0]) for one in requests]

    def likelihood(self, text):
        return -1 - int(hashlib.sha256(text.encode()).hexdigest()[:4], 16) / 4096


managers = {}


def manager_of(include):
    if include not in managers:
        root = os.path.dirname(lm_eval.tasks.__file__)
        folders = [os.path.join(root, folder) for folder in file.get("folders", [])]
        managers[include] = lm_eval.tasks.TaskManager(include_path=folders or include, include_defaults=not folders)
    return managers[include]


def plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)


def run(request):
    current.clear()
    current.update(request)
    if "answers" in request:
        model, settings = Canned(request["answers"]), {}
    else:
        model = "hf"
        settings = {"model_args": {"pretrained": request["model"], "dtype": "float32"}, "batch_size": 4, "device": "cpu"}
    found = lm_eval.simple_evaluate(
        model=model,
        tasks=request["tasks"],
        task_manager=manager_of(request.get("include")),
        log_samples=True,
        bootstrap_iters=0,
        limit=request.get("limit"),
        num_fewshot=request.get("fewshot"),
        gen_kwargs={"max_gen_toks": request["length"]} if "length" in request else None,
        apply_chat_template=request.get("chat", False),
        system_instruction=request.get("system"),
        confirm_run_unsafe_code=True,
        **settings,
    )
    tasks = {}
    for name, samples in found["samples"].items():
        tasks[name] = [
            {
                "doc": sample["doc_id"],
                "filter": sample["filter"],
                "arguments": [
                    [argument for argument in arguments if isinstance(argument, str)]
                    for arguments in (sample["arguments"].values() if isinstance(sample["arguments"], dict) else sample["arguments"])
                ],
                "responses": sample["resps"],
                "filtered": sample["filtered_resps"],
                "scores": {metric: sample[metric] for metric in sample["metrics"]},
            }
            for sample in samples
        ]
    return {"tasks": tasks, "results": found["results"]}


made = [run({**common, **one}) for one in file["requests"]] if "requests" in file else run(common)
json.dump(made, open(out, "w"), default=plain)
