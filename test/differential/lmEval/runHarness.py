"""Runs lm-evaluation-harness itself, its tasks unchanged, on data of ours.

usage: python runHarness.py REQUEST.json OUT.json

The request names the tasks, the folder of the data (ORG--NAME/CONFIGURATION/SPLIT.jsonl) and what answers: a model's folder,
or a file of answers by the sha256 of their context. What comes out: of every item its requests, responses, what filters left
of them, and its scores; and the numbers of the tasks. Nothing is downloaded: data sets come from the folder, and the metric
code_eval, which is a script on the hub, is done here by running programs (those of the test, which are harmless)."""
import hashlib
import json
import os
import subprocess
import sys

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_ALLOW_CODE_EVAL="1", TOKENIZERS_PARALLELISM="false")

import datasets
import evaluate

request = json.load(open(sys.argv[1]))


def load_dataset(path, name=None, **_):
    folder = os.path.join(request["data"], path.replace("/", "--"), name or "")
    files = {file[: -len(".jsonl")]: os.path.join(folder, file) for file in sorted(os.listdir(folder)) if file.endswith(".jsonl")}
    return datasets.DatasetDict({split: datasets.Dataset.from_list([json.loads(line) for line in open(file)]) for split, file in files.items()})


class CodeEval:
    def compute(self, references, predictions, k):
        shares = []
        for reference, candidates in zip(references, predictions):
            passed = []
            for candidate in candidates:
                try:
                    run = subprocess.run([sys.executable, "-I", "-c", candidate + "\n" + reference], capture_output=True, timeout=5)
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

    def __init__(self):
        super().__init__()
        self.answers = json.load(open(request["answers"]))
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


if "answers" in request:
    model, settings = Canned(), {}
else:
    model = "hf"
    settings = {"model_args": {"pretrained": request["model"], "dtype": "float32"}, "batch_size": 4, "device": "cpu"}
manager = None
if "include" in request:
    manager = lm_eval.tasks.TaskManager(include_path=request["include"])
out = lm_eval.simple_evaluate(
    model=model,
    tasks=request["tasks"],
    task_manager=manager,
    log_samples=True,
    bootstrap_iters=0,
    limit=request.get("limit"),
    num_fewshot=request.get("fewshot"),
    apply_chat_template=request.get("chat", False),
    system_instruction=request.get("system"),
    confirm_run_unsafe_code=True,
    **settings,
)
tasks = {}
for name, samples in out["samples"].items():
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


def plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)


json.dump({"tasks": tasks, "results": out["results"]}, open(sys.argv[2], "w"), default=plain)
