"""Makes tiny mixtures of experts with adapters of their parameters by PEFT, and what PEFT's merge_and_unload makes of them:
python -P makeExperts.py FOLDER. Each family's folder has base, adapter and merged."""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

SHARED = dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
    vocab_size=40, max_position_embeddings=64, num_experts_per_tok=2,
)
FAMILIES = {
    "mixtral": dict(num_local_experts=4),
    "qwen3_moe": dict(num_experts=4, moe_intermediate_size=12, decoder_sparse_step=1, norm_topk_prob=True),
    "gpt_oss": dict(num_local_experts=4, layer_types=["full_attention", "full_attention"]),
    "gpt_oss_square": dict(num_local_experts=4, intermediate_size=16, layer_types=["full_attention", "full_attention"]),
}
CONFIGS = {
    "both": dict(target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"], target_modules=["q_proj"]),
    "down": dict(target_parameters=["experts.down_proj"], target_modules=[], use_rslora=True),
    "ranks": dict(
        target_parameters=["mlp.experts.down_proj", "mlp.experts.gate_up_proj"], target_modules=[],
        rank_pattern={"layers.0.mlp.experts.gate_up_proj": 5}, alpha_pattern={"mlp.experts.down_proj": 3},
    ),
}

# A module that holds both parameters, one of them alone, and ranks of their own, where experts are stored one by one and as one.
CASES = {"mixtral": ["both", "down"], "qwen3_moe": ["ranks"], "gpt_oss": ["both", "ranks"], "gpt_oss_square": ["both"]}

root = Path(sys.argv[1])
for family, names in CASES.items():
    settings = FAMILIES[family]
    kind = family.removesuffix("_square")
    for name in names:
        lora = CONFIGS[name]
        torch.manual_seed(3)
        config = AutoConfig.for_model(kind, **{**SHARED, **settings})
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        folder = root / f"{family}-{name}"
        model.save_pretrained(folder / "base")
        adapted = get_peft_model(model, LoraConfig(r=3, lora_alpha=4, **lora))
        with torch.no_grad():
            for key, value in adapted.named_parameters():
                if "lora_" in key:
                    value.copy_(torch.randn_like(value) / 4)
        adapted.save_pretrained(folder / "adapter")
        adapted.merge_and_unload().save_pretrained(folder / "merged")
