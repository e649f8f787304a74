"""Truncated products by numpy's SVD: python make.py writes truncated.json beside it."""

import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
RANDOM = np.random.default_rng(8)


def case(b, a, rank):
    b, a = b.astype(np.float32), a.astype(np.float32)
    u, s, vt = np.linalg.svd(b.astype(np.float64) @ a.astype(np.float64), full_matrices=False)
    product = (u[:, :rank] * s[:rank]) @ vt[:rank]
    return {"b": b.tolist(), "a": a.tolist(), "rank": rank, "product": product.tolist()}


def normal(*shape):
    return RANDOM.standard_normal(shape)


def cases():
    yield case(normal(12, 4), normal(4, 9), 1)
    yield case(normal(12, 4), normal(4, 9), 3)
    yield case(normal(5, 8), normal(8, 12), 2)  # a rank above the number of rows
    yield case(normal(10, 4) * [1e4, 1, 1e-3, 1e-6], normal(4, 7), 2)  # far apart
    twice = normal(10, 4)
    twice[:, 2] = twice[:, 0] - 2 * twice[:, 1]  # of rank 3
    yield case(twice, normal(4, 7), 2)
    yield case(np.zeros((6, 3)), normal(3, 5), 1)  # an adapter that was not trained


with open(os.path.join(HERE, "truncated.json"), "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(one) for one in cases()) + "\n]\n")
