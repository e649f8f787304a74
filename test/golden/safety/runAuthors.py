"""Runs the authors' own code on the models of this folder, which is not part of this project:

  python runAuthors.py SAFELORA SAFEMERGE > authors.json   # with transformers 4.45.2 and peft 0.14.0

SAFELORA is a checkout of https://github.com/IBM/SafeLoRA (d81fda1), SAFEMERGE one of https://github.com/aladinD/SafeMERGE
(2af08c1). Both run unchanged, on a CPU: SafeMERGE names a GPU, for which a CPU stands here. Of Safe LoRA the factors B are kept that it changed, by a threshold and by a number of
modules; of SafeMERGE the modules that it says it merged.

Made with torch 2.13.0, transformers 4.45.2 and peft 0.14.0, as SafeMERGE pins them.
"""

import contextlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
THRESHOLD, NUMBER = 0.5, 3
# Runs a script whose tensors go to a GPU, on the CPU.
ON_CPU = """
import runpy, sys, torch
to = torch.Tensor.to
torch.Tensor.to = lambda self, *a, **k: to(self, *("cpu" if str(x).startswith("cuda") else x for x in a), **k)
sys.argv = sys.argv[1:]
sys.path.insert(0, ".")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def module_of(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changed(before, after):
    """Names of modules in the checkpoint and the new B of those that differ."""
    found = {}
    for name, value in after.items():
        if ".lora_B." in name and not torch.equal(value, before[name]):
            found[name.split(".lora_B")[0].removeprefix("base_model.model.")] = value.tolist()
    return found


def safe_lora(checkout, family, rule):
    config_of = module_of(checkout / "config.py", "safelora_config")
    model_of = module_of(checkout / "model.py", "safelora_model")
    folder = HERE / family
    model = AutoModelForCausalLM.from_pretrained(folder / "aligned", torch_dtype=torch.float32)
    model = PeftModel.from_pretrained(model, folder / "tuned")
    config = config_of.SafeLoRAConfig(
        base_model_path=str(folder / "unaligned"), aligned_model_path=str(folder / "aligned"), devices="cpu", **rule
    )
    with contextlib.redirect_stdout(sys.stderr):
        made = model_of.SafeLoRA(model, config).model
    state = {n.replace(".default", ""): p.detach() for n, p in made.named_parameters() if "lora" in n}
    return changed(load_file(folder / "tuned" / "adapter_model.safetensors"), state)


def safe_merge(checkout, family):
    folder = HERE / family
    with tempfile.TemporaryDirectory() as out:
        # The script names its output by parts of these names.
        tuned, safe = (shutil.copytree(folder / name, Path(out) / f"a-{name}-model") for name in ("tuned", "safe"))
        printed = subprocess.run(
            [
                sys.executable, "-c", ON_CPU, "get_safemerge_model.py", "--base_model_id", folder / "aligned",
                "--finetuned_model_id", str(tuned), "--safety_model_id", str(safe),
                "--safelora_unaligned_model_id", folder / "unaligned", "--safelora_aligned_model_id", folder / "aligned",
                "--cos_threshold", str(THRESHOLD), "--default_merge_ratio", "0.2", "--weighting", "[0.8, 0.2]",
                "--merge_type", "linear", "--output_path", f"{out}/made",
            ],
            cwd=checkout, check=True, stdout=subprocess.PIPE, text=True,
        ).stdout
    return sorted(line.split("- ")[1].strip() for line in printed.splitlines() if line.startswith("  - "))


checkouts = [Path(one).resolve() for one in sys.argv[1:3]]
result = {}
for family in ("llama", "gemma2", "qwen2"):
    result[family] = {
        "threshold": safe_lora(checkouts[0], family, {"select_layers_type": "threshold", "threshold": THRESHOLD}),
        "number": safe_lora(checkouts[0], family, {"select_layers_type": "number", "num_proj_layers": NUMBER}),
        "safemerge": safe_merge(checkouts[1], family),
    }
print(json.dumps(result))
