"""Makes what test/golden/safeDelta.test.ts compares with: Safe Delta on the models of makeSafety.py and on a wide one.

  rows.jsonl                  safe rows as token ids, which stand in for text
  FAMILY/safe-delta.safetensors
    inputs|PLACE              what enters the products of the layers of the aligned model on all tokens of the rows
                              (transformers, float32), by the name of the first weight that takes it
    formula|NAME              the weight that is left at S, from the formula in float64
    own|NAME                  the same by the authors' own layer, in float32
  wide.safetensors            formula and own of the last product of a model with more inner features than a block has
                              columns; it is numbers of a hash, which the test makes again

Made with torch 2.13.0, transformers, numpy, safetensors: python makeSafeDelta.py SAFEDELTA
where SAFEDELTA is the folder llama2 of https://github.com/ColinLu50/SafeDelta (3a4ea35). Its code has no licence: it is run
as it is, through ../subspace/makeSafeDelta.py, and nothing of it is here.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).parent
S = {"llama": 1500.0, "gemma2": 1500.0, "qwen2": 1500.0, "wide": 3000.0}
SEEN = 2000  # columns of the wide product that are kept here, from this one on


def reference():
    """formula(), own() and numbers() of the layers' own reference, which makes its file on import."""
    path = HERE.parent / "subspace" / "makeSafeDelta.py"
    text = path.read_text().split("\nmade = []")[0]
    spec = importlib.util.spec_from_loader("layer_reference", loader=None)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    exec(compile(text, path, "exec"), module.__dict__)
    return module


def rows():
    random = np.random.default_rng(7)
    made = []
    for _ in range(7):
        ids = random.integers(0, 20, size=int(random.integers(9, 24))).tolist()
        made.append({"input_ids": ids, "prompt_length": len(ids) // 2})
    (HERE / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    return [row["input_ids"] for row in made]


def inputs(model, sequences):
    """What enters each linear layer of the blocks, [tokens, features], by the weight's name."""
    found, hooks = {}, []
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and ".layers." in name:
            take = lambda _, args, key=f"{name}.weight": found.setdefault(key, []).append(args[0][0].numpy().copy())
            hooks.append(module.register_forward_pre_hook(take))
    with torch.no_grad():
        for ids in sequences:
            model(torch.tensor([ids]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def left(reference, x, a, f, s):
    formula, kept = reference.formula(x, a, f, s)
    print("  kept", kept, "of", a.size)
    assert 0 < kept < a.size
    return formula, reference.own(x, a, f, s)[0]


def family(name, sequences, ref):
    folder = HERE / name
    model = AutoModelForCausalLM.from_pretrained(folder / "aligned", dtype=torch.float32, attn_implementation="eager")
    found = inputs(model.eval(), sequences)
    aligned = load_file(folder / "aligned" / "model.safetensors")
    adapter = load_file(folder / "tuned" / "adapter_model.safetensors")
    places, made = {}, {}
    for weight, x in found.items():
        if not any(np.array_equal(x, other) for other in places.values()):
            places[weight] = x
            made[f"inputs|{weight}"] = x
        key = "base_model.model." + weight[: -len(".weight")]
        if f"{key}.lora_A.weight" not in adapter:
            continue
        a = aligned[weight]
        b, a_l = adapter[f"{key}.lora_B.weight"].astype(np.float64), adapter[f"{key}.lora_A.weight"].astype(np.float64)
        f = (a + 1.5 * b @ a_l).astype(np.float32)
        print(weight)
        formula, own = left(ref, x, a, f, S[name])
        made[f"formula|{weight}"], made[f"own|{weight}"] = formula.astype(np.float32), own
    save_file(made, folder / "safe-delta.safetensors")


WIDE = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8, "intermediate_size": 2070,
    "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 8, "vocab_size": 20, "num_hidden_layers": 1,
    "max_position_embeddings": 64, "tie_word_embeddings": False, "torch_dtype": "float32",
}


def wide(sequences, ref):
    config = AutoConfig.for_model(**WIDE)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    state, tuned = {}, {}
    for seed, (name, value) in enumerate(sorted(model.state_dict().items())):
        values = ref.numbers(value.numel(), 10 + seed).astype(np.float32).reshape(value.shape)
        state[name] = values + np.float32(1) if value.ndim == 1 else values
        change = ref.numbers(value.numel(), 50 + seed).astype(np.float32).reshape(value.shape)
        tuned[name] = (state[name] + np.float32(0.1) * change).astype(np.float32)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    name = "model.layers.0.mlp.down_proj.weight"
    x = inputs(model, sequences)[name]
    print(name)
    formula, own = left(ref, x, state[name], tuned[name], S["wide"])
    late = np.isclose(formula, tuned[name], atol=1e-7)[:, 2048:]
    assert 0 < late.sum() < late.size  # the second block decides by itself
    seen = {"formula": formula.astype(np.float32)[:, SEEN:], "own": own[:, SEEN:]}
    save_file({key: np.ascontiguousarray(value) for key, value in seen.items()}, HERE / "wide.safetensors")


ref = reference()
sequences = rows()
for name in ("llama", "gemma2", "qwen2"):
    print(name)
    family(name, sequences, ref)
wide(sequences, ref)
