"""Makes test/golden/lora/cases: tiny adapters for corners of PEFT that the larger set does not reach.

Each case has base/ (float32), adapter/ as PEFT saves it, and expected.safetensors: every tensor of
merge_and_unload() that differs from the base or that the base does not have.

Made with torch 2.13.0, transformers 5.23.0, peft 0.21.2: python makeCases.py
"""

import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent / "cases"
torch.set_num_threads(1)


def llama(tied):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, tie_word_embeddings=tied, pad_token_id=0,
        )
    )


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2, n_positions=16))


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Conv1d(3, 5, 4)
        self.two = torch.nn.Conv2d(3, 4, (3, 2))
        self.point = torch.nn.Conv2d(4, 6, 1)

    def forward(self, x):
        return x


def case(name, model, **settings):
    torch.manual_seed(len(name))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 0.5
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    tied = getattr(getattr(model, "config", None), "tie_word_embeddings", False)
    (folder / "base").mkdir(parents=True)
    before = {k: v.detach().clone() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}
    save_file(before, folder / "base" / "model.safetensors", metadata={"format": "pt"})
    if hasattr(model, "config"):
        config = model.config.to_dict()
        keep = ("model_type", "architectures", "tie_word_embeddings", "vocab_size", "hidden_size", "num_hidden_layers")
        config = {k: config[k] for k in keep if config.get(k) is not None}
        (folder / "base" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    model = get_peft_model(model, LoraConfig(**settings))
    for key, parameter in model.named_parameters():
        if "lora_" in key or "modules_to_save" in key or (settings.get("bias") == "all" and key.endswith(".bias")):
            parameter.data = torch.randn_like(parameter).abs() + 0.1 if "magnitude" in key else torch.randn_like(parameter)
    model.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    merged = model.merge_and_unload()
    still_tied = getattr(getattr(merged, "config", None), "tie_word_embeddings", False)
    after = {
        k: v.detach().clone()
        for k, v in merged.state_dict().items()
        if not (still_tied and k == "lm_head.weight") and (k not in before or not torch.equal(v, before[k]))
    }
    save_file(after, folder / "expected.safetensors")
    print(name, sorted(after))


case("dora_embedding", llama(False), r=2, lora_alpha=3, use_dora=True, target_modules=["embed_tokens", "q_proj", "k_proj"])
case("dora_conv1d_square", gpt2(), r=2, lora_alpha=3, use_dora=True, target_modules=["c_attn", "c_proj"], fan_in_fan_out=False)
case("conv1d_layer_and_linear_head", gpt2(), r=2, lora_alpha=5, use_rslora=True, target_modules=["c_proj", "wte"])
case("convolutions", Convolutions(), r=2, lora_alpha=3, target_modules=["one", "two", "point"])
case("dora_convolutions", Convolutions(), r=2, lora_alpha=3, use_dora=True, target_modules=["two", "point"])
case("convolution_bias", Convolutions(), r=2, lora_alpha=3, lora_bias=True, target_modules=["two"])
case("bias_all", gpt2(), r=2, lora_alpha=3, bias="all", target_modules=["c_attn"])
case("tied_embedding_replaced", llama(True), r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"])
case("tied_head_replaced", llama(True), r=2, target_modules=["q_proj"], modules_to_save=["lm_head"])
case("tied_both_replaced", llama(True), r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"])
case("tied_embedding_adapted", llama(True), r=2, target_modules=["embed_tokens"])
case("tied_head_adapted", llama(True), r=2, target_modules=["lm_head"])
case(
    "regex_patterns", llama(False), r=2, lora_alpha=3, target_modules="all-linear",
    rank_pattern={r"layers\.1\.mlp\.(?P<side>up|gate)_proj": 3, "k_proj": 1}, alpha_pattern={"layers.[01].self_attn.(q|v)_proj": 7, "proj": 99},
)
