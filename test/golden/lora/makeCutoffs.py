"""Makes cutoffs.json: how LLaMA-Factory shares a cutoff between prompts and answers, by its own function.

    pip download llamafactory==0.9.1 --no-deps && python -m zipfile -e llamafactory-0.9.1-py3-none-any.whl wheel
    python makeCutoffs.py wheel/llamafactory/data/processors/processor_utils.py > cutoffs.json

The function alone is taken from the file: the package itself loads torch. Conversations go through it as in
_encode_supervised_example: each pair shares what those before have left.
"""

import ast
import hashlib
import json
import sys
import typing

tree = ast.parse(open(sys.argv[1]).read())
function = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "infer_seqlen"]
names = {"Tuple": typing.Tuple}
exec(compile(ast.Module(function, []), "processor_utils", "exec"), names)
share = names["infer_seqlen"]


def conversation(pairs, cutoff):
    total, kept = 0, []
    for prompt, answer in pairs:
        if total >= cutoff:
            break
        kept.append(list(share(prompt, answer, cutoff - total)))
        total += sum(kept[-1])
    return kept


PAIRS = [
    *[(900, 124, 1024), (900, 125, 1024), (2000, 100, 1024), (2000, 511, 1024), (2000, 512, 1024), (2000, 513, 1024)],
    *[(511, 5000, 1024), (512, 5000, 1024), (1500, 1500, 1024), (3000, 1000, 1024), (1000, 3000, 1024)],
    *[(10000, 600, 1024), (0, 2000, 1024), (1, 1, 2), (3, 3, 5), (7, 2, 4), (2, 7, 4), (6, 6, 1), (1333, 2667, 1000)],
]
small = [share(p, a, c) for c in range(1, 41) for p in range(0, 61) for a in range(1, 61)]
turns = [(10, 8), (6, 20), (4, 4)]
print(
    json.dumps(
        {
            "source": "llamafactory 0.9.1",
            "pairs": [[*case, *share(*case)] for case in PAIRS],
            "small": hashlib.sha256(json.dumps(small, separators=(",", ":")).encode()).hexdigest(),
            "conversation": {"turns": turns, "kept": {c: conversation(turns, c) for c in (8, 20, 30, 40, 60)}},
        },
        separators=(",", ":"),
    )
)
