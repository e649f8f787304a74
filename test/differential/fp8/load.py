"""Loads FP8 models by transformers with compressed-tensors: python load.py FOLDER... with prompts of token ids on each line of
prompts.txt of each folder. Prints JSON: for each folder what did not load, the weights that decompress to others than ours, and
how far its logits are from those of the folder's decoded copy (FOLDER-decoded), over their spread: with activations in 8 bits,
as it is meant to run, and with whole ones."""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

found = {}
for folder in map(Path, sys.argv[1:]):
    prompts = [list(map(int, line.split())) for line in (folder / "prompts.txt").read_text().splitlines()]
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    codes = {str(p.dtype) for p in model.parameters()}
    decoded = AutoModelForCausalLM.from_pretrained(f"{folder}-decoded")
    apart = {}
    for activations in (True, False):
        for module in model.modules():
            module.quantization_enabled = activations
        worst = 0
        for prompt in prompts:
            with torch.no_grad():
                theirs = model(torch.tensor([prompt])).logits[0].float()
                plain = decoded(torch.tensor([prompt])).logits[0].float()
            worst = max(worst, ((theirs - plain).abs().max() / plain.std()).item())
        apart["eight bits" if activations else "whole"] = worst
    # compressed-tensors has made weights of the codes by now
    weights = dict(decoded.named_parameters())
    other = [name for name, p in model.named_parameters() if not name.endswith("_scale") and not torch.equal(p, weights[name])]
    found[folder.name] = {
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "mismatched": sorted(map(str, info["mismatched_keys"])),
        "codes": "torch.float8_e4m3fn" in codes,
        "other": other,
        "apart": apart,
    }
print(json.dumps(found))
