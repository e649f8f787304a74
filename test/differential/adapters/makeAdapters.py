"""Makes tiny models and LoRA adapters of them with PEFT: makeAdapters.py OUT FAMILY [FAMILY ...].

OUT/FAMILY gets "base" and "first", "second", "third": ranks 3, 5 and 8 on different modules, one with a rank of its own for a
module and rsLoRA, and one that trains norms and the embedding whole. "tuned" is the base with every weight changed.
"""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig


def shake(parameters):
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(torch.randn_like(parameter) * 0.05)


def make(family, folder):
    torch.manual_seed(7)
    if family == "gpt2":
        config = GPT2Config(vocab_size=96, n_positions=64, n_embd=32, n_layer=2, n_head=4)
        attention, mlp, norm = ["c_attn"], ["c_fc", "c_proj"], "ln_f"
    else:
        config = LlamaConfig(
            vocab_size=96,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            tie_word_embeddings=family == "tied",
            attention_bias=family == "biased",
        )
        attention, mlp, norm = ["q_proj", "v_proj"], ["up_proj", "down_proj"], "norm"
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "base")
    fresh = lambda: AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    saved = [norm] if family in ("tied", "gpt2") else [norm, "embed_tokens"]
    settings = {
        "first": {"r": 3, "lora_alpha": 6, "target_modules": attention},
        "second": {
            "r": 5,
            "lora_alpha": 5,
            "target_modules": attention + mlp,
            "rank_pattern": {mlp[0]: 2},
            "use_rslora": True,
        },
        "third": {"r": 8, "lora_alpha": 4, "target_modules": mlp, "modules_to_save": saved},
    }
    for name, options in settings.items():
        model = get_peft_model(fresh(), LoraConfig(task_type="CAUSAL_LM", **options))
        shake(parameter for parameter in model.parameters() if parameter.requires_grad)
        model.save_pretrained(folder / name)
    tuned = fresh()
    shake(tuned.parameters())
    tuned.save_pretrained(folder / "tuned")


for family in sys.argv[2:]:
    make(family, Path(sys.argv[1]) / family)
