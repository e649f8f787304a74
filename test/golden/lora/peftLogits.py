"""Last logits of models with adapters, as PEFT runs them: python peftLogits.py CASES.json -> JSON on stdout.

CASES.json: [{"model": folder, "adapter": folder, "ids": [[...]]}]
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)


def last(model, ids):
    with torch.no_grad():
        return [model(torch.tensor([row])).logits[0, -1].tolist() for row in ids]


results = []
for case in json.load(open(sys.argv[1])):
    base = AutoModelForCausalLM.from_pretrained(case["model"], dtype=torch.float32, attn_implementation="eager")
    live = PeftModel.from_pretrained(base, case["adapter"]).eval()
    results.append({"live": last(live, case["ids"]), "merged": last(live.merge_and_unload(), case["ids"])})
print(json.dumps(results))
