"""Makes test/golden/safety: tiny models of three families and what methods made for safety make of them.

For each family: aligned/ and unaligned/ (A and U, float32), tuned/ and safe/ (LoRA adapters of A, as PEFT saves them), and
expected.safetensors with tensors "METHOD|NAME" of the layers' matrices that change, computed here in float64 from the
formulas of the papers:

  V = A - U, C = V V^T / |V|, D = s B A_l, rho = cos(C B A_l, B A_l) rounded to five digits
  resta      A + lambda D + gamma V
  safe_lora  A + lambda s C B A_l where rho <= threshold, else A + lambda D
  safemerge  A + lambda ((1 - alpha) D + alpha D_S) where rho < threshold, else A + lambda D

gates.json holds each module's rho. V has another rank in every module, so that the rho differ.

Made with numpy 2.3 and safetensors 0.6: python makeSafety.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
HIDDEN, INNER, HEADS, SHARED, DIM, VOCABULARY, LAYERS = 16, 24, 2, 1, 8, 20, 2
RANK, ALPHA = 2, 3
LAMBDA, GAMMA, THRESHOLD, SHARE = 0.75, 0.5, 0.5, 0.2

COMMON = {
    "hidden_size": HIDDEN, "intermediate_size": INNER, "num_attention_heads": HEADS, "num_key_value_heads": SHARED,
    "head_dim": DIM, "vocab_size": VOCABULARY, "num_hidden_layers": LAYERS, "max_position_embeddings": 64,
    "tie_word_embeddings": False, "torch_dtype": "float32",
}
FAMILIES = {
    "llama": (
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama"},
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    ),
    "gemma2": (
        {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "query_pre_attn_scalar": DIM},
        ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
    ),
    # Safe LoRA's own code cannot take modules with biases, which q_proj, k_proj and v_proj have here.
    "qwen2": (
        {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"},
        ["o_proj", "gate_proj", "up_proj", "down_proj"],
    ),
}
SHAPES = {
    "self_attn.q_proj": (HEADS * DIM, HIDDEN), "self_attn.k_proj": (SHARED * DIM, HIDDEN),
    "self_attn.v_proj": (SHARED * DIM, HIDDEN), "self_attn.o_proj": (HIDDEN, HEADS * DIM),
    "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN), "mlp.down_proj": (HIDDEN, INNER),
}


def unaligned(family, random):
    tensors = {"model.embed_tokens.weight": random.normal(size=(VOCABULARY, HIDDEN))}
    norms = ["input_layernorm", "post_attention_layernorm"]
    if family == "gemma2":
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    for layer in range(LAYERS):
        for module, shape in SHAPES.items():
            tensors[f"model.layers.{layer}.{module}.weight"] = random.normal(size=shape) / 4
            if family == "qwen2" and module[-6:] in ("q_proj", "k_proj", "v_proj"):
                tensors[f"model.layers.{layer}.{module}.bias"] = random.normal(size=shape[0]) / 4
        for norm in norms:
            tensors[f"model.layers.{layer}.{norm}.weight"] = 1 + random.normal(size=HIDDEN) / 10
    tensors["model.norm.weight"] = 1 + random.normal(size=HIDDEN) / 10
    tensors["lm_head.weight"] = random.normal(size=(VOCABULARY, HIDDEN)) / 4
    return tensors


def float32(tensors):
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}


def adapter(folder, modules, random, base):
    """Writes the adapter; returns s B A_l and the factors of each module, in float64 of the stored values."""
    stored, factors = {}, {}
    for layer in range(LAYERS):
        for module, (outputs, inputs) in SHAPES.items():
            if module.split(".")[1] not in modules:
                continue
            key = f"base_model.model.model.layers.{layer}.{module}"
            a = random.normal(size=(RANK, inputs)).astype(np.float32)
            b = (random.normal(size=(outputs, RANK)) / 8).astype(np.float32)
            stored[f"{key}.lora_A.weight"], stored[f"{key}.lora_B.weight"] = a, b
            factors[f"model.layers.{layer}.{module}.weight"] = (b.astype(np.float64), a.astype(np.float64))
    folder.mkdir(parents=True)
    save_file(stored, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": RANK,
        "lora_alpha": ALPHA, "target_modules": modules, "bias": "none", "lora_dropout": 0.0,
        "fan_in_fan_out": False, "inference_mode": True, "modules_to_save": None,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    return factors


def cosine(x, y):
    return float(np.sum(x * y) / (np.linalg.norm(x) * np.linalg.norm(y)))


gates = {}
for number, (family, (config, modules)) in enumerate(FAMILIES.items()):
    random = np.random.default_rng(100 + number)
    folder = HERE / family
    shutil.rmtree(folder, ignore_errors=True)
    before = float32(unaligned(family, random))
    after = {}
    for at, (name, value) in enumerate(before.items()):
        change = random.normal(size=value.shape)
        if value.ndim == 2:  # of another rank in each
            rank = 1 + at * 5 % 13
            change = random.normal(size=(value.shape[0], rank)) @ random.normal(size=(rank, value.shape[1])) / rank
        after[name] = value + 0.05 * change
    after = float32(after)
    for role, tensors in (("unaligned", before), ("aligned", after)):
        (folder / role).mkdir(parents=True)
        save_file(tensors, folder / role / "model.safetensors", metadata={"format": "pt"})
        (folder / role / "config.json").write_text(json.dumps({**config, **COMMON}, indent=1) + "\n")
    tuned = adapter(folder / "tuned", modules, random, "aligned")
    safe = adapter(folder / "safe", modules, random, "aligned")

    expected, gates[family] = {}, {}
    scale = ALPHA / RANK
    for name, a in after.items():
        a = a.astype(np.float64)
        v = a - before[name].astype(np.float64)
        change = 0.0
        if name in tuned:
            b, a_l = tuned[name]
            change = scale * b @ a_l
            c = v @ v.T / np.linalg.norm(v)
            rho = round(cosine(c @ b @ a_l, b @ a_l), 5)
            gates[family][name[: -len(".weight")]] = rho
            projected = scale * c @ b @ a_l if rho <= THRESHOLD else change
            b_s, a_s = safe[name]
            mixed = (1 - SHARE) * change + SHARE * scale * b_s @ a_s if rho < THRESHOLD else change
            expected[f"safe_lora|{name}"] = a + LAMBDA * projected
            expected[f"safemerge|{name}"] = a + LAMBDA * mixed
        expected[f"resta|{name}"] = a + LAMBDA * change + GAMMA * v
    save_file(float32(expected), folder / "expected.safetensors")

(HERE / "gates.json").write_text(json.dumps(gates, indent=1) + "\n")
for family, modules in gates.items():
    print(family, sorted(modules.values()))
