"""The peer of `npm run bench -- tune`: the same training with PEFT: peft_tune.py MODEL ROWS OUT BATCH THREADS DTYPE FIRST.

FIRST: a folder for the adapter that it begins with.
"""

import json
import math
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

path, rows, out, batch, threads, dtype, first = sys.argv[1:]
batch = int(batch)
torch.set_num_threads(int(threads))
torch.manual_seed(42)
targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
base = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype))
model = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, lora_dropout=0, target_modules=targets)).train()
model.save_pretrained(first)
data = [json.loads(line) for line in open(rows)]
params = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(params, lr=5e-4, weight_decay=0)
steps = len(data) // batch
warm = math.ceil(0.1 * steps)
rate = lambda s: s / warm if s < warm else 0.5 * (1 + math.cos(math.pi * (s - warm) / max(1, steps - warm)))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
losses, seconds, tokens = [], [], []
for step in range(steps):
    started = time.perf_counter()
    picked = data[step * batch : (step + 1) * batch]
    width = max(len(row["input_ids"]) for row in picked)
    ids, labels = torch.zeros(batch, width, dtype=torch.long), torch.full((batch, width), -100)
    for row, id_row, label in zip(picked, ids, labels):  # padded at the right, where nothing attends to it
        length, prompt = len(row["input_ids"]), row["prompt_length"]
        id_row[:length] = torch.tensor(row["input_ids"])
        label[prompt:length] = id_row[prompt:length]
    logits = model(input_ids=ids).logits[:, :-1].float()
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    optimizer.step()
    schedule.step()
    losses.append(loss.item())
    tokens.append(sum(len(row["input_ids"]) for row in picked))
    seconds.append(time.perf_counter() - started)
json.dump({"losses": losses, "seconds": seconds, "tokens": tokens}, open(out, "w"))
