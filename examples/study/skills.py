#!/usr/bin/env python3
"""Gets the study's two skills from the package bigbench 1.0.0 (Apache-2.0; 360 MB, of which two files are kept), by pip: multiple
choices that the model was not tuned for, asked by log-likelihood.

usage: skills.py [OUT [bigbench-1.0.0.tar.gz]]     (./data, through pip; Python 3.9 with pip, nothing else)

  general.jsonl    70 questions of general knowledge (general_knowledge)
  alike.jsonl      76 questions of what two things have in common (similarities_abstraction)"""

import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TASKS = {"general": "general_knowledge", "alike": "similarities_abstraction"}
FEWEST = 2


def rows(task):
    """The choices in the order of the file; the right one is the one with the highest score."""
    for example in task["examples"]:
        scores = example["target_scores"]
        choices = list(scores)
        if len(choices) < FEWEST:
            continue
        right = max(choices, key=scores.get)
        yield {"question": f"{example['input'].strip()}\nAnswer:", "choices": choices, "answer": choices.index(right)}


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "data")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        download = ["download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", folder]
        given = Path(sys.argv[2]) if len(sys.argv) > 2 else None
        if given is None:
            subprocess.run([sys.executable, "-m", "pip", *download, "bigbench==1.0.0"], check=True)
            (given,) = Path(folder).glob("bigbench-*.tar.gz")
        with tarfile.open(given) as archive:
            wanted = {f"/{name}/task.json": key for key, name in TASKS.items()}
            for member in archive:
                for ending, key in list(wanted.items()):
                    if member.name.endswith(f"benchmark_tasks{ending}"):
                        found = list(rows(json.load(archive.extractfile(member))))
                        text = "".join(json.dumps(row) + "\n" for row in found)
                        (out / f"{key}.jsonl").write_text(text)
                        print(f"{out / key}.jsonl: {len(found)} rows")
                        del wanted[ending]
                if not wanted:
                    return
            raise SystemExit(f"not in the package: {', '.join(wanted)}")


if __name__ == "__main__":
    main()
