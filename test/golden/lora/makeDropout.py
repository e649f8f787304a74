"""Makes dropout.json: six steps of PEFT with dropout and weight decay, where PEFT's dropout keeps and drops what ours would.

    python makeDropout.py > dropout.json      # torch, transformers, peft: npm run setup:peers

The masks are a function of seed, step and module (lib/tune/training/random.ts), written down here once more; everything else is PEFT's
and torch's own: where dropout acts, its scale, gradients through it, AdamW and its decay. One row a step, so that nothing is padded.
"""

import json
import math
import os

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(HERE, "train", "llama_r8_clip1")
STEPS, RATE, SEED, DECAY, LEARNING = 6, 0.3, 7, 0.1, 1e-3
MASK = 2**32 - 1


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [((p1 >> 32) ^ c[1] ^ k[0]) & MASK, p1 & MASK, ((p0 >> 32) ^ c[3] ^ k[1]) & MASK, p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def mask(shape, step, module):
    words = philox([0, step, module, 4], [SEED, (4 << 24) & MASK])
    uniform = ((words[0] >> 5) * 2**26 + (words[1] >> 6)) / 2**53
    state = math.floor(uniform * 2**32) & MASK
    kept = np.zeros(int(np.prod(shape)), np.float32)
    for at in range(kept.size):
        state = (state + 0x9E3779B9) & MASK
        z = ((state ^ (state >> 16)) * 0x21F0AAAD) & MASK
        z = ((z ^ (z >> 15)) * 0x735A2D97) & MASK
        if (z ^ (z >> 15)) >= RATE * 2**32:
            kept[at] = 1
    return torch.tensor(kept.reshape(shape), dtype=torch.bool)


class Dropped(torch.nn.Dropout):
    """torch's dropout with a mask that is given: x / (1 - p) where it is kept."""

    module, step = 0, 0

    def forward(self, x):
        if not self.training:
            return x
        return torch.where(mask(tuple(x.shape), Dropped.step, self.module), x / (1 - self.p), torch.zeros_like(x))


model = AutoModelForCausalLM.from_pretrained(os.path.join(HERE, "..", "models", "llama"), dtype=torch.float32)
names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, lora_dropout=RATE, target_modules=names, task_type="CAUSAL_LM"))
first = load_file(os.path.join(RUN, "init_A.safetensors"))
order = [f"base_model.model.model.layers.{layer}.{part}.{name}" for layer in range(model.config.num_hidden_layers)
         for part, own in [("self_attn", names[:4]), ("mlp", names[4:])] for name in own]
with torch.no_grad():
    for module, name in enumerate(order):
        layer = model.get_submodule(name)
        key = next(key for key in first if key.startswith(f"{name}.lora_A"))
        layer.lora_A["default"].weight.copy_(first[key])
        dropped = Dropped(RATE)
        dropped.module = module
        layer.lora_dropout["default"] = dropped
model.train()
trained = [one for one in model.parameters() if one.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=LEARNING, betas=(0.9, 0.999), eps=1e-8, weight_decay=DECAY)
rows = [json.loads(line) for line in open(os.path.join(RUN, "dataset.jsonl"))][:STEPS]
losses, norms = [], []
for step, row in enumerate(rows):
    Dropped.step = step
    ids = torch.tensor([row["input_ids"]])
    labels = ids.clone()
    labels[0, : row["prompt_length"]] = -100
    optimizer.zero_grad()
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    norms.append(float(torch.nn.utils.clip_grad_norm_(trained, 1.0)))
    losses.append(float(loss))
    optimizer.step()
print(json.dumps({"steps": STEPS, "dropout": RATE, "seed": SEED, "weightDecay": DECAY, "learningRate": LEARNING, "loss": losses, "gradNorm": norms}))
