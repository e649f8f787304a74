"""Makes tiny random encoders with transformers, with settings drawn at random, and their hidden states.

    python makeEncoders.py OUT SEED CASES_PER_FAMILY

OUT/NAME/ gets a checkpoint (with or without a head) and expected.safetensors: `hidden_I_L` [length, hidden] of prompt I after
L layers, each prompt by itself. expected.json holds the prompts.
"""
import json
import os
import random
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def base(r):
    heads = r.choice([1, 2, 3])
    return dict(vocab_size=r.randint(40, 200), hidden_size=heads * r.choice([4, 8, 10]), intermediate_size=r.choice([24, 40]),
                num_hidden_layers=r.choice([1, 2, 3]), num_attention_heads=heads, max_position_embeddings=48, layer_norm_eps=r.choice([1e-12, 1e-5, 1e-3]),
                hidden_act=r.choice(["gelu", "gelu_new", "relu"]), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                pad_token_id=r.choice([0, 1, 3]), bos_token_id=None, eos_token_id=None)


def bert(r):
    return dict(model_type="bert", **base(r), type_vocab_size=r.choice([1, 2]))


def roberta(r):
    return dict(model_type=r.choice(["roberta", "xlm-roberta", "camembert"]), **base(r), type_vocab_size=1)


def deberta(r):
    kinds = r.choice([["c2p", "p2c"], "p2c|c2p", ["c2p"], ["p2c"], None])
    return dict(model_type="deberta", **base(r), type_vocab_size=r.choice([0, 2]), relative_attention=kinds is not None or r.random() < 0.5,
                pos_att_type=kinds, max_relative_positions=r.choice([-1, 5, 16]), position_biased_input=r.random() < 0.5)


def make(folder, family, r):
    config = AutoConfig.for_model(**family(r))
    kind = r.choice([AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification])
    model = kind.from_config(config)
    g = torch.Generator().manual_seed(r.randrange(1 << 30))
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 1.2 / p.shape[-1] ** 0.5 if p.dim() > 1 else 0.3
            p.copy_(torch.randn(p.shape, generator=g) * scale + (1 if name.endswith("LayerNorm.weight") else 0))
    model = model.to(r.choice([torch.float32, torch.float16, torch.bfloat16]))
    model.save_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prompts = [[r.randrange(0, config.vocab_size) for _ in range(n)] for n in (1, 4, 11, 40)]
    tensors = {}
    with torch.no_grad():
        for i, prompt in enumerate(prompts):
            states = model(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), output_hidden_states=True).hidden_states
            for layer, state in enumerate(states):
                tensors[f"hidden_{i}_{layer}"] = state[0].contiguous()
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    json.dump({"prompts": prompts}, open(os.path.join(folder, "expected.json"), "w"))


out, seed, cases = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for family in (bert, roberta, deberta):
    for case in range(cases):
        folder = os.path.join(out, f"{family.__name__}-{seed}-{case}")
        os.makedirs(folder)
        make(folder, family, random.Random(f"{seed} {family.__name__} {case}"))
