"""Models with adapters as PEFT runs and merges them: python peftLogits.py CASES.json -> last logits as JSON on stdout.

CASES.json: [{"model": folder, "adapter": folder, "ids": [[...]], "merged": file for the weights of merge_and_unload()}];
without "merged" they are not kept.
"""

import json
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)


def last(model, ids):
    with torch.no_grad():
        return [model(torch.tensor([row])).logits[0, -1].tolist() for row in ids]


results = []
for case in json.load(open(sys.argv[1])):
    base = AutoModelForCausalLM.from_pretrained(case["model"], dtype=torch.float32, attn_implementation="eager")
    live = PeftModel.from_pretrained(base, case["adapter"]).eval()
    of_live = last(live, case["ids"])
    merged = live.merge_and_unload()
    results.append({"live": of_live, "merged": last(merged, case["ids"])})
    if "merged" in case:
        save_file({key: value.clone() for key, value in merged.state_dict().items()}, case["merged"])
print(json.dumps(results))
