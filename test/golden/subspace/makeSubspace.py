"""Makes test/golden/subspace: tiny models U (unaligned), A (aligned), F (fine-tuned) of four families, and what lox and
lssf make of them, from their formulas in float64 (numpy) and, for lox, by the code of its authors.

Made with torch 2.13.0, transformers 5.23.0, numpy: python makeSubspace.py LOX
where LOX is safety/LoX.py of https://github.com/VITA-Group/LoX (MIT), which is run as it is, in bfloat16. It is loaded
with a tokenizer, for which the demo's serves.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM, Gemma2Config, GPT2Config, LlamaConfig, Qwen2Config,
)

HERE = Path(__file__).parent
DEMO = HERE.parents[2] / "demo" / "model"
torch.set_num_threads(1)
SMALL = dict(
    vocab_size=24, hidden_size=16, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, head_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)
FAMILIES = {
    "llama": LlamaConfig(**SMALL, tie_word_embeddings=False),
    "gemma2": Gemma2Config(**SMALL),
    "qwen2": Qwen2Config(**{k: v for k, v in SMALL.items() if k != "head_dim"}, tie_word_embeddings=True),
    "gpt2": GPT2Config(vocab_size=24, n_embd=16, n_layer=2, n_head=2, n_positions=12, bos_token_id=1, eos_token_id=2),
}


def moved(state, seed, strong):
    """Every weight plus a change of falling singular values, `strong` of which stand out."""
    generator = torch.Generator().manual_seed(seed)
    out = {}
    for name, value in state.items():
        change = torch.randn(value.shape, generator=generator) * 0.002
        if value.dim() == 2:
            for k in range(strong):
                left = torch.randn(value.shape[0], 1, generator=generator)
                change += 0.01 / (k + 1) * left @ torch.randn(1, value.shape[1], generator=generator)
        out[name] = on_grid(value.float() + change).to(value.dtype) if value.dim() == 2 else value + change.to(value.dtype)
    return out


def on_grid(values):
    """Multiples of 2^-9: LoX rounds A - U to bfloat16, which then loses nothing."""
    return (values * 512).round() / 512


def linear(name, value):
    inside = any(part in name for part in (".layers.", ".h.")) or name.startswith("h.")
    return value.ndim == 2 and inside


def low(v, k):
    u, s, vt = np.linalg.svd(v, full_matrices=False)
    return v if k == 0 else (u[:, :k] * s[:k]) @ vt[:k]


def lox(a, u, k, coefficient):
    return {n: a[n] + coefficient * low(a[n] - u[n], k) if a[n].ndim > 1 else a[n] for n in a}


def lssf(a, u, f, eta, alpha, weight):
    out = {}
    for n in a:
        out[n] = a[n] + weight * (f[n] - a[n])
        if not linear(n, a[n]):
            continue
        v = a[n] - u[n]
        left, s, _ = np.linalg.svd(v, full_matrices=False)
        p = s**2 / (s**2).sum()
        h = np.cumsum(np.where(p > 0, -p * np.log(np.where(p > 0, p, 1)), 0))
        r = int(np.argmax(h >= eta * h[-1])) + 1
        out[n] = out[n] + alpha * left[:, :r] @ (left[:, :r].T @ v)
    return out


def wide(state):
    return {n: t.double().numpy() for n, t in state.items()}


def keep(values, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({n: torch.from_numpy(np.ascontiguousarray(v)).float() for n, v in values.items()}, path)


for at, (family, config) in enumerate(FAMILIES.items()):
    torch.manual_seed(at)
    model = AutoModelForCausalLM.from_config(config).bfloat16()
    place = HERE / family
    shutil.rmtree(place, ignore_errors=True)
    model.save_pretrained(place / "unaligned")
    (place / "unaligned" / "generation_config.json").unlink(missing_ok=True)
    made = load_file(place / "unaligned" / "model.safetensors")
    states = {"unaligned": {n: on_grid(v.float()).to(v.dtype) if v.dim() == 2 else v for n, v in made.items()}}
    save_file(states["unaligned"], place / "unaligned" / "model.safetensors", metadata={"format": "pt"})
    states["aligned"] = moved(states["unaligned"], 10 + at, 4)
    states["tuned"] = moved(states["aligned"], 20 + at, 2)
    for name in ("aligned", "tuned"):
        (place / name).mkdir()
        shutil.copy(place / "unaligned" / "config.json", place / name)
        save_file(states[name], place / name / "model.safetensors", metadata={"format": "pt"})
    u, a, f = (wide(states[name]) for name in ("unaligned", "aligned", "tuned"))
    keep(lox(a, u, 3, 1.25), place / "lox.safetensors")
    keep(lssf(a, u, f, 0.9, 0.8, 0.7), place / "lssf.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("aligned", "unaligned"):
            shutil.copytree(place / name, Path(folder) / name)
            for file in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(DEMO / file, Path(folder) / name)
        made = Path(folder) / "made"
        for k, coefficient in ((0, 1), (3, 1.25)):
            subprocess.run(
                [sys.executable, sys.argv[1], "--model", f"{folder}/aligned", "--base-model", f"{folder}/unaligned",
                 "--k", str(k), "--coef", str(coefficient), "--save-path", str(made)], check=True, cwd=folder,
            )
            shutil.copy(made / "model.safetensors", place / f"own-lox-{k}.safetensors")
