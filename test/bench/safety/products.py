# Times of large products in float32, by numpy's sgemm or torch's, whichever is faster here: what a merge made of such products
# could take at best. Reads [{ "rows", "cols", "count" }] from stdin; prints, for both methods that are made of them, the seconds of
# all. V and D are random matrices of these shapes.
#   gates: V V^T D, the cheaper way round. lssf: V V^T (or V^T V, the smaller one) and P V = U_r (U_r^T V) without its first
#   product, since the result ships as two factors; r by the entropy of V's own singular values. eigh: LAPACK's eigen-decomposition of the
#   smaller square in float64, which is no product and is told beside them.
import json
import sys
import time

import numpy as np
import torch


def seconds(work):
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def product(rows, inner, cols):
    a = np.random.default_rng(1).standard_normal((rows, inner), dtype=np.float32)
    b = np.random.default_rng(2).standard_normal((inner, cols), dtype=np.float32)
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    return min(seconds(lambda: a @ b), seconds(lambda: x @ y))


def rank(squares, share):
    p = squares / squares.sum()
    entropy = np.cumsum(np.where(p > 0, -p * np.log(np.maximum(p, 1e-300)), 0))
    return int(np.argmax(entropy >= share * entropy[-1])) + 1


total = {"gates": 0.0, "lssf": 0.0, "eigh": 0.0, "gatesFlops": 0.0, "lssfFlops": 0.0}
for shape in json.load(sys.stdin):
    rows, cols, count = shape["rows"], shape["cols"], shape["count"]
    small, large = min(rows, cols), max(rows, cols)
    v = np.random.default_rng(3).standard_normal((small, large), dtype=np.float32).astype(np.float64)
    square = v @ v.T
    start = time.perf_counter()
    squares, _ = np.linalg.eigh(square)
    total["eigh"] += count * (time.perf_counter() - start)
    r = rank(squares[::-1], 0.9)
    total["gates"] += count * (product(small, large, small) + product(small, small, cols) if rows <= cols else 2 * product(rows, cols, cols))
    total["gatesFlops"] += count * 2 * small * (small * large + (small * cols if rows <= cols else cols * rows))
    total["lssf"] += count * (product(small, large, small) + product(r, small, large))
    total["lssfFlops"] += count * 2 * small * large * (small + r)
print(json.dumps({**total, "threads": torch.get_num_threads()}))
