"""numpy's float64 numbers of how the demo's tunings differ from its aligned model, tensor by tensor.

F is the adapter of seed 42 and U that of seed 1024, in the place of an unaligned model: V = A - U.

usage: python make.py     (numpy, torch, safetensors; writes expected.json here)"""
import json
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

HERE = Path(__file__).parent
DEMO = HERE.parents[2] / "demo"
base = {k: v.double().numpy() for k, v in load_file(DEMO / "model" / "model.safetensors").items()}


def tuned(seed):
    folder = DEMO / "adapters" / f"seed-{seed}"
    config = json.loads((folder / "adapter_config.json").read_text())
    factors = {k: v.double().numpy() for k, v in load_file(folder / "adapter_model.safetensors").items()}
    model = dict(base)
    for key, a in factors.items():
        if "lora_A" in key:
            name = key.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            product = factors[key.replace("lora_A", "lora_B")] @ a
            model[name] = base[name] + config["lora_alpha"] / config["r"] * product
    return model


def effective_rank(matrix):
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    if squares.sum() == 0:
        return None
    shares = squares / squares.sum()
    shares = shares[shares > 1e-14]
    return float(np.exp(-(shares * np.log(shares)).sum()))


f, u = tuned(42), tuned(1024)
expected = {}
for name, a in base.items():
    d, v = f[name] - a, a - u[name]
    both = (d != 0) & (v != 0)
    is_matrix = a.ndim == 2 and ".layers." in name
    expected[name] = {
        "norm": float(np.linalg.norm(a)),
        "d": float(np.linalg.norm(d)),
        "v": float(np.linalg.norm(v)),
        "cosine": float((a * f[name]).sum() / np.linalg.norm(a) / np.linalg.norm(f[name])),
        "cosineOfChanges": float((d * v).sum() / np.linalg.norm(d) / np.linalg.norm(v)) if both.any() else None,
        "signAgreement": float((np.sign(d) == np.sign(v))[both].mean()) if both.any() else None,
        "rankD": effective_rank(d) if is_matrix else None,
        "rankV": effective_rank(v) if is_matrix else None,
    }
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
