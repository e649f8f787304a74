"""One process of the generation benchmark: transformers on torch CPU. Argument: a JSON of settings; prints a JSON of
tokens/s. Decoding is a bare loop over the model with its cache: nothing of generate()'s own bookkeeping is counted."""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

s = json.loads(sys.argv[1])
torch.set_num_threads(s["threads"])
torch.manual_seed(0)
dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[s["precision"]]
model = AutoModelForCausalLM.from_pretrained(s["model"], dtype=dtype, attn_implementation="sdpa").eval()


def ids(rows, count):
    return torch.randint(3, s["vocabulary"], (rows, count))


def best(measure):
    measure()
    return max(measure() for _ in range(s["repeats"]))


def prefill():
    x = ids(1, s["prefill"])
    started = time.perf_counter()
    model(x, logits_to_keep=1, use_cache=True)
    return s["prefill"] / (time.perf_counter() - started)


def decode(batch):
    out = model(ids(batch, s["prompt"]), logits_to_keep=1, use_cache=True)
    token = out.logits[:, -1].argmax(-1, keepdim=True)
    started = time.perf_counter()
    for _ in range(s["decode"]):
        out = model(token, past_key_values=out.past_key_values, use_cache=True)
        token = out.logits[:, -1].argmax(-1, keepdim=True)
    return batch * s["decode"] / (time.perf_counter() - started)


with torch.inference_mode():
    print(json.dumps({"prefill": best(prefill), "decode": {str(b): best(lambda: decode(b)) for b in s["batches"]}}))
