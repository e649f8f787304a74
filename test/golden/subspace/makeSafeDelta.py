"""Makes test/golden/subspace/safe-delta.json: what Safe Delta keeps of the changes of linear layers, from its formula in
float64 (numpy) and by its authors' own layer in float32.

Made with torch 2.13.0, numpy: python makeSafeDelta.py SAFEDELTA
where SAFEDELTA is the folder llama2 of https://github.com/ColinLu50/SafeDelta. Its code has no licence: it is run as it
is, and nothing of it is here. Where it waits for a GPU, it is told that there is none. The inputs
are numbers of a hash, which the test makes again.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
sys.path.insert(0, sys.argv[1])
for name in ("datasets", "utils", "utils.prompt_utils"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["datasets"].load_dataset = None
sys.modules["utils.prompt_utils"].get_prompt_template = None
torch.cuda.synchronize = lambda *_: None
# Entries of one column are equally important: which of them stay is left to torch's sort, which is told to be stable.
stable = {"stable": True}
plain_sort, plain_argsort = torch.sort, torch.argsort
torch.sort = lambda x, dim=-1, descending=False, **_: plain_sort(x, dim=dim, descending=descending, **stable)
torch.argsort = lambda x, dim=-1, descending=False, **_: plain_argsort(x, dim=dim, descending=descending, **stable)
torch.Tensor.sort, torch.Tensor.argsort = torch.sort, torch.argsort
from safedelta.safedelta_runner import SafeDeltaRunner  # noqa: E402

torch.set_num_threads(1)


def numbers(count, seed):
    at = np.arange(1, count + 1, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    turned = (at * np.uint64(0x9E3779B1) & mask) ^ np.uint64(seed * 0x85EBCA6B & 0xFFFFFFFF)
    mixed = (turned ^ (turned >> np.uint64(15))) * np.uint64(0x2C1B3C6D) & mask
    return (mixed >> np.uint64(8)).astype(np.float64) / 2**24 - 0.5


CASES = [
    dict(name="small", rows=12, cols=24, tokens=40, s=8.0, dead=[]),
    dict(name="with columns without activation", rows=10, cols=30, tokens=50, s=8.0, dead=[3, 4, 17]),
    dict(name="strict", rows=12, cols=24, tokens=40, s=0.5, dead=[]),
    dict(name="all that may stay, and a part of an entry more", rows=3, cols=7, tokens=40, s=1e9, dead=[]),
    dict(name="all that may stay", rows=8, cols=20, tokens=40, s=1e9, dead=[]),
    dict(name="more columns than a block has", rows=5, cols=2070, tokens=96, s=2.0, dead=[2055]),
]


def inputs(case):
    x = numbers(case["tokens"] * case["cols"], 1).reshape(case["tokens"], case["cols"]).astype(np.float32)
    # columns differ in strength, so that their order is not that of chance
    x *= (0.2 + (np.arange(case["cols"]) * 7 % 11) / 5).astype(np.float32)
    x[:, case["dead"]] = 0
    a = numbers(case["rows"] * case["cols"], 2).reshape(case["rows"], case["cols"]).astype(np.float32)
    d = numbers(case["rows"] * case["cols"], 3).reshape(case["rows"], case["cols"]).astype(np.float32)
    return x, a, (a + np.float32(0.1) * d).astype(np.float32)


def formula(x, a, f, s):
    x, w, f = (v.astype(np.float64) for v in (x, a, f))
    rows, cols = w.shape
    h = 2 * x.T @ x
    h[np.diag_indices(cols)] += np.where(np.diag(h) == 0, 1, 0)
    h[np.diag_indices(cols)] += 0.01 * np.diag(h).mean()
    u = np.linalg.cholesky(np.linalg.inv(h)).T
    d = np.diag(u)
    kept = 0
    for first in range(0, cols, 2048):
        end = min(cols, first + 2048)
        importance = np.broadcast_to(1 / d[first:end] ** 2, (rows, end - first)).flatten()
        loss = ((f[:, first:end] - w[:, first:end]) ** 2 / d[first:end] ** 2).flatten()
        order = np.argsort(importance, kind="stable")
        order = order[: len(order) - int(0.15 * len(order))]
        stays = order[np.cumsum(loss[order]) <= importance.mean() * s * rows / 4096 / 2]
        mask = np.zeros(rows * (end - first), bool)
        mask[stays] = True
        mask = mask.reshape(rows, -1)
        kept += int(mask.sum())
        for j in range(first, end, 4):
            last = min(j + 4, end)
            chosen = np.where(mask[:, j - first : last - first], f[:, j:last], w[:, j:last])
            error = (w[:, j:last] - chosen) / d[j:last]
            w[:, j:last] = chosen
            w[:, last:] -= error @ u[j:last, last:]
    return w, kept


def own(x, a, f, s):
    layers = []
    for weight in (a, f):
        layer = torch.nn.Linear(a.shape[1], a.shape[0], bias=False)
        layer.weight.data = torch.from_numpy(weight.copy())
        layers.append(layer)
    runner = SafeDeltaRunner(*layers)
    runner.add_batch(torch.from_numpy(x)[None], None)
    runner.adjust_delta(s, blocksize=2048)
    changed = [layer.weight.data.numpy() for layer in layers if not np.array_equal(layer.weight.data.numpy(), f)]
    return [value for value in changed if not np.array_equal(value, a)] or changed


made = []
for case in CASES:
    x, a, f = inputs(case)
    w, kept = formula(x, a, f, case["s"])
    theirs = own(x, a, f, case["s"])
    gap = [float(np.abs(t - w).max()) for t in theirs]
    print(case["name"], kept, w.size, gap, float(np.abs(w).max()))
    first = max(0, case["cols"] - 30)  # columns that are kept here
    pair = {"formula": w[:, first:].flatten().tolist(), "own": theirs[0][:, first:].flatten().tolist()}
    made.append({**case, "kept": kept, "first": first, **pair})
for one in made:
    for key in ("formula", "own"):
        one[key] = [float(f"{v:.7g}") for v in one[key]]
(HERE / "safe-delta.json").write_text(json.dumps(made) + "\n")
