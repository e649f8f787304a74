"""torch autograd's derivatives of a loss by one coefficient a tensor, W = A + c D, in float64.

"demo": the demo's model and its tuning of seed 42. The others: tiny random models of ../models, and D of every tensor from a
formula that coefficients.test.ts has too, rounded so that A + D is float32.

usage: python make.py     (torch, transformers, safetensors; writes expected.json here)"""
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
DEMO = HERE.parents[2] / "demo"
FAMILIES = ["qwen2", "qwen3", "gemma2", "phi3", "gpt2"]
ROWS = [
    {"inputIds": [5, 9, 17, 3, 22, 41, 8, 77, 61, 90, 12, 33, 4, 15], "promptLength": 4},
    {"inputIds": [44, 2, 7, 100, 31], "promptLength": 2},
    {"inputIds": [(i * 37) % 300 for i in range(21)], "promptLength": 3},
]
torch.set_num_threads(1)


def demo_rows():
    tokenizer = AutoTokenizer.from_pretrained(DEMO / "model")
    rows = []
    for file, answer in [("unsafe.jsonl", "I can't help with that."), ("task_test.jsonl", None)]:
        for line in (DEMO / file).read_text().splitlines()[:1]:
            row = json.loads(line)
            asked = [{"role": "user", "content": row["prompt"]}]
            text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            prompt = tokenizer.encode(text, add_special_tokens=False)
            said = tokenizer.encode(answer or row["response"], add_special_tokens=False)
            rows.append({"inputIds": prompt + said, "promptLength": len(prompt)})
    return rows


def demo_change(stored):
    folder = DEMO / "adapters" / "seed-42"
    config = json.loads((folder / "adapter_config.json").read_text())
    factors = {k: v.double() for k, v in load_file(folder / "adapter_model.safetensors").items()}
    change = {name: torch.zeros_like(value) for name, value in stored.items()}
    for key, a in factors.items():
        if "lora_A" in key:
            name = key.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            change[name] = config["lora_alpha"] / config["r"] * (factors[key.replace("lora_A", "lora_B")] @ a)
    return change


def formula_change(stored):
    change = {}
    for at, name in enumerate(sorted(stored)):
        value = stored[name]
        wave = 0.02 * np.cos(0.37 * np.arange(value.numel()) + at)
        tuned = (value.numpy() + wave.reshape(value.shape)).astype(np.float32).astype(np.float64)
        change[name] = torch.from_numpy(tuned) - value
    return change


def derivatives(folder, rows, change_of, at):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    model.get_input_embeddings().padding_idx = None  # else the row of that token would have no gradient
    stored = {k: v.double() for k, v in load_file(folder / "model.safetensors").items()}
    change = change_of(stored)
    # what the running model calls a stored tensor
    running = {name: name if name in stored else name.removeprefix("transformer.") for name, _ in model.named_parameters()}
    coefficients = {name: torch.zeros((), dtype=torch.float64, requires_grad=True) for name in running}
    weights = {n: stored[s] + (at + coefficients[n]) * change[s] for n, s in running.items()}
    total, tokens = 0, 0
    for row in rows:
        ids = torch.tensor([row["inputIds"]])
        logits = torch.func.functional_call(model, weights, (ids,), {"use_cache": False}, tie_weights=True).logits[0]
        said = torch.log_softmax(logits[row["promptLength"] - 1 : -1], -1)
        wanted = ids[0, row["promptLength"] :]
        total = total - said.gather(1, wanted[:, None]).sum()
        tokens += len(wanted)
    loss = total / tokens
    loss.backward()
    return {
        "rows": rows,
        "loss": loss.item(),
        "tokens": tokens,
        "gradients": {running[n]: c.grad.item() for n, c in coefficients.items()},
    }


expected = {"demo": {str(at): derivatives(DEMO / "model", demo_rows(), demo_change, at) for at in (0.5,)}}
for family in FAMILIES:
    expected[family] = {"1": derivatives(HERE.parent / "models" / family, ROWS, formula_change, 1)}
(HERE / "expected.json").write_text(json.dumps(expected) + "\n")
