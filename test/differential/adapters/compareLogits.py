"""Prints the largest difference between the logits of a model and those of a base with an adapter, as PEFT has it, and the
largest logit: compareLogits.py MODEL BASE ADAPTER [MODEL BASE ADAPTER ...]. What PEFT warns of is an error."""

import json
import sys
import warnings

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

warnings.simplefilter("error", UserWarning)


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


results = []
for at in range(1, len(sys.argv), 3):
    model, base, adapter = sys.argv[at : at + 3]
    ids = torch.arange(24).reshape(2, 12) * 3 % 96
    with torch.no_grad():
        expected = load(model)(ids).logits
        found = PeftModel.from_pretrained(load(base), adapter)(ids).logits
    results.append({"difference": (expected - found).abs().max().item(), "largest": expected.abs().max().item()})
print(json.dumps(results))
