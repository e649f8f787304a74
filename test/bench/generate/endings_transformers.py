"""One process of the benchmark of endings: transformers on torch CPU. Settings on stdin; prints a JSON of questions a second
and sums, for batches padded on the right whose logits are all taken, as lm-evaluation-harness does, and for batches padded on
the left of which only the last logits are."""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

s = json.load(sys.stdin)
torch.set_num_threads(s["threads"])
model = AutoModelForCausalLM.from_pretrained(s["model"], dtype=torch.float32, attn_implementation="sdpa").eval()
# long ones first, as lm-evaluation-harness sorts them
rows = sorted(enumerate(row for question in s["inputs"] for row in question), key=lambda row: -len(row[1]["ids"]))


def whole(batch):
    width = max(len(row["ids"]) for _, row in batch) - 1
    x = torch.tensor([row["ids"][:-1] + [0] * (width - len(row["ids"]) + 1) for _, row in batch])
    logprobs = torch.log_softmax(model(x).logits, -1)
    for (at, row), own in zip(batch, logprobs):
        wanted = torch.tensor(row["ids"][row["from"] :])
        yield at, own[row["from"] - 1 : len(row["ids"]) - 1].gather(1, wanted[:, None]).sum().item()


def last(batch):
    width = max(len(row["ids"]) for _, row in batch) - 1
    keep = max(len(row["ids"]) - row["from"] for _, row in batch)
    pads = [width - len(row["ids"]) + 1 for _, row in batch]
    x = torch.tensor([[0] * pad + row["ids"][:-1] for pad, (_, row) in zip(pads, batch)])
    mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in pads])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    logits = model(x, attention_mask=mask, position_ids=positions, logits_to_keep=keep).logits
    logprobs = torch.log_softmax(logits, -1)
    for (at, row), own in zip(batch, logprobs):
        wanted = torch.tensor(row["ids"][row["from"] :])
        yield at, own[keep - len(wanted) :].gather(1, wanted[:, None]).sum().item()


def measure(form, size):
    best, cpu, sums = 0, 0, {}
    for _ in range(s["repeats"] + 1):
        started, before = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            for start in range(0, len(rows), size):
                sums.update(form(rows[start : start + size]))
        cpu = (time.process_time() - before) / len(s["inputs"])
        best = max(best, len(s["inputs"]) / (time.perf_counter() - started))
    return {"rate": best, "cpu": cpu, "sums": [sums[at] for at in range(len(rows))]}


result = {}
for name, form in {"all logits": whole, "last logits": last}.items():
    result[name] = max((measure(form, size) for size in s["batches"]), key=lambda one: one["rate"])
print(json.dumps(result))
