"""Makes tiny random decoders of every family with transformers, with settings drawn at random, and what they answer.

    python makeModels.py OUT SEED CASES_PER_FAMILY [FAMILY ...]

OUT/NAME/ gets a checkpoint (one file or shards; float32, float16 or bfloat16; config.json as transformers 4 or 5 writes it)
and expected.safetensors: `logits_I` [length, vocabulary] of each prompt. expected.json holds the prompts, greedy answers
(each token from a whole forward pass, no cache), and the margin between the first and second choice at each step.
Arithmetic is float32 on the stored weights, attention eager.
"""
import json
import os
import random
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
NEW_TOKENS = 20


def base(r, head_dims=(8, 12, 16, 24), fixed_head_dim=False):
    kv = r.choice([1, 2, 4])
    heads = kv * r.choice([1, 2, 3])
    hidden = heads * r.choice([8, 12, 16])
    return dict(
        vocab_size=r.randint(40, 300), hidden_size=hidden, intermediate_size=r.choice([48, 80, 96]),
        num_hidden_layers=r.choice([1, 2, 3, 4]), num_attention_heads=heads, num_key_value_heads=kv,
        rms_norm_eps=r.choice([1e-6, 1e-5, 1e-3]), max_position_embeddings=256,
        tie_word_embeddings=r.random() < 0.5, bos_token_id=None, pad_token_id=None, eos_token_id=r.choice([1, [1, 3]]),
        **({} if fixed_head_dim or r.random() < 0.4 else {"head_dim": r.choice(head_dims)}),
    )


def rope(r, head_dim, kinds=("default", "linear", "dynamic", "llama3", "yarn", "longrope")):
    kind = r.choice(kinds)
    theta = r.choice([500.0, 10000.0, 500000.0])
    parameters = dict(rope_type=kind, rope_theta=theta)
    if kind in ("linear", "dynamic"):
        parameters["factor"] = r.choice([2.0, 3.7])
    if kind == "llama3":
        parameters.update(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=r.choice([16, 64]))
    if kind == "yarn":
        parameters.update(factor=4.0, original_max_position_embeddings=r.choice([16, 64]))
        if r.random() < 0.5:
            parameters.update(beta_fast=8.0, beta_slow=2.0)
        extra = r.choice([{}, {"mscale": 0.7, "mscale_all_dim": 1.3}, {"attention_factor": 1.25}, {"truncate": False}])
        parameters.update(extra)
    if kind == "longrope":
        pairs = head_dim // 2
        parameters.update(
            short_factor=[round(r.uniform(1, 2), 3) for _ in range(pairs)],
            long_factor=[round(r.uniform(2, 9), 3) for _ in range(pairs)],
            original_max_position_embeddings=r.choice([12, 24]), factor=8.0,
        )
        if r.random() < 0.3:
            parameters["attention_factor"] = 1.1
    return parameters


def head_dim(c):
    return c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]


def llama(r):
    c = base(r)
    return dict(model_type="llama", **c, hidden_act=r.choice(["silu", "gelu", "relu", "gelu_new"]), attention_bias=r.random() < 0.5,
                mlp_bias=r.random() < 0.5, rope_parameters=rope(r, head_dim(c)))


def mistral(r):
    c = base(r)
    return dict(model_type="mistral", **c, sliding_window=r.choice([None, 4, 11, 64]), rope_parameters=rope(r, head_dim(c), ("default", "yarn")))


def layer_types(r, c, chance=0.5):
    if r.random() > chance:
        return {}
    return {"layer_types": [r.choice(["sliding_attention", "full_attention"]) for _ in range(c["num_hidden_layers"])]}


def qwen2(r):
    c = base(r, fixed_head_dim=True)
    slides = r.random() < 0.6
    return dict(model_type="qwen2", **c, use_sliding_window=slides, sliding_window=r.choice([5, 9]), max_window_layers=r.choice([0, 1, 2]),
                rope_parameters=rope(r, head_dim(c), ("default", "yarn", "dynamic")))


def qwen3(r):
    c = base(r)
    c.setdefault("head_dim", 16)
    return dict(model_type="qwen3", **c, attention_bias=r.random() < 0.5, use_sliding_window=r.random() < 0.5, sliding_window=6,
                max_window_layers=r.choice([0, 1, 2]), rope_parameters=rope(r, head_dim(c), ("default", "yarn")))


def smollm3(r):
    c = base(r)
    c.pop("head_dim", None)
    choice = r.choice([{}, {"no_rope_layer_interval": 2}, {"no_rope_layers": [r.choice([0, 1]) for _ in range(c["num_hidden_layers"])]}])
    return dict(model_type="smollm3", **c, attention_bias=r.random() < 0.5, mlp_bias=r.random() < 0.5,
                use_sliding_window=r.random() < 0.5, sliding_window=7, rope_parameters=rope(r, head_dim(c), ("default", "yarn")), **choice)


def gemma(r):
    c = base(r)
    c.setdefault("head_dim", 16)
    return dict(model_type="gemma", **c, attention_bias=r.random() < 0.3, hidden_act=r.choice(["gelu", "gelu_pytorch_tanh"]), rope_parameters=rope(r, head_dim(c), ("default", "linear")))


def gemma2(r):
    c = base(r)
    c.setdefault("head_dim", 16)
    return dict(model_type="gemma2", **c, attention_bias=r.random() < 0.3, sliding_window=r.choice([4, 9]),
                query_pre_attn_scalar=r.choice([8, 20]), attn_logit_softcapping=r.choice([None, 5.0, 20.0]),
                final_logit_softcapping=r.choice([None, 6.0, 30.0]), rope_parameters=rope(r, head_dim(c), ("default",)), **layer_types(r, c))


def gemma3_text(r):
    c = base(r)
    c.setdefault("head_dim", 16)
    c["num_hidden_layers"] = r.choice([3, 4, 5])
    full = rope(r, head_dim(c), ("default", "linear"))
    types = layer_types(r, c)
    pattern = {} if types else {"sliding_window_pattern": r.choice([2, 3])}
    return dict(model_type="gemma3_text", **c, attention_bias=r.random() < 0.3, sliding_window=r.choice([4, 9]), query_pre_attn_scalar=r.choice([8, 20]),
                final_logit_softcapping=r.choice([None, 6.0]), **types, **pattern,
                rope_parameters={"full_attention": full, "sliding_attention": {"rope_type": "default", "rope_theta": r.choice([500.0, 10000.0])}})


def phi3(r):
    c = base(r)
    c.pop("head_dim", None)
    c["hidden_size"] = c["num_attention_heads"] * 16
    partial = r.choice([1.0, 0.5, 0.75])
    parameters = rope(r, int(16 * partial), ("default", "longrope", "longrope"))
    parameters.pop("factor", None)
    original = {"original_max_position_embeddings": parameters.get("original_max_position_embeddings", 256)}
    parameters["partial_rotary_factor"] = partial
    return dict(model_type="phi3", **c, **original, sliding_window=r.choice([None, 10]), rope_parameters=parameters)


def gpt2(r):
    heads = r.choice([2, 3, 4])
    return dict(model_type="gpt2", vocab_size=r.randint(40, 300), n_positions=128, n_embd=heads * r.choice([8, 12, 16]), n_layer=r.choice([1, 2, 3]),
                n_head=heads, n_inner=r.choice([None, 72]), activation_function=r.choice(["gelu_new", "gelu", "relu", "silu"]),
                layer_norm_epsilon=r.choice([1e-5, 1e-3]), scale_attn_weights=r.random() < 0.7, scale_attn_by_inverse_layer_idx=r.random() < 0.5,
                resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=1, tie_word_embeddings=r.random() < 0.7)


VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=8, patch_size=4)


def gemma3(r):
    """A language model beside a vision tower."""
    text = gemma3_text(r)
    # transformers' class with the tower leaves the cap out; no published model has one
    text.update(vocab_size=200, final_logit_softcapping=None)
    return dict(model_type="gemma3", text_config=text, vision_config=dict(model_type="siglip_vision_model", **VISION), mm_tokens_per_image=4,
                image_token_index=199, boi_token_index=198, eoi_token_index=197, tie_word_embeddings=text["tie_word_embeddings"])


def llava(r):
    text = llama(r)
    text["vocab_size"] = 200
    return dict(model_type="llava", text_config=text, vision_config=dict(model_type="clip_vision_model", projection_dim=16, **VISION),
                image_token_index=199, vision_feature_layer=-1, tie_word_embeddings=text["tie_word_embeddings"])


def mistral3(r):
    text = mistral(r)
    text["vocab_size"] = 200
    return dict(model_type="mistral3", text_config=text, vision_config=dict(model_type="pixtral", head_dim=8, **VISION), image_token_index=199,
                tie_word_embeddings=text["tie_word_embeddings"])


def qwen2_5_vl(r):
    text = qwen2(r)
    text.update(model_type="qwen2_5_vl_text", vocab_size=200)
    pairs = head_dim(text) // 2
    parts = [pairs // 2, pairs // 4, pairs - pairs // 2 - pairs // 4]
    text["rope_parameters"] = dict(rope_type="default", rope_theta=10000.0, mrope_section=parts)
    vision = dict(depth=1, hidden_size=16, intermediate_size=16, num_heads=2, out_hidden_size=text["hidden_size"], patch_size=4, fullatt_block_indexes=[0])
    return dict(model_type="qwen2_5_vl", text_config=text, vision_config=vision, image_token_id=199, video_token_id=198,
                vision_start_token_id=197, vision_end_token_id=196, tie_word_embeddings=text["tie_word_embeddings"])


FAMILIES = [llama, mistral, qwen2, qwen3, smollm3, gemma, gemma2, gemma3_text, phi3, gpt2, gemma3, llava, mistral3, qwen2_5_vl]


def randomise(model, r):
    g = torch.Generator().manual_seed(r.randrange(1 << 30))
    with torch.no_grad():
        for name, p in model.named_parameters():
            leaf = name.split(".")[-2]
            noise = torch.randn(p.shape, generator=g)
            if "norm" in leaf or leaf.startswith("ln_"):
                at = 0.0 if "gemma" in model.config.model_type or name.endswith("bias") else 1.0
                p.copy_(at + 0.3 * noise)
            elif p.dim() < 2:
                p.copy_(0.3 * noise)
            elif leaf in ("wte", "embed_tokens", "lm_head"):
                p.copy_(noise * (0.4 if leaf == "lm_head" else 0.7) * (4 / p.shape[-1] ** 0.5))
            else:
                p.copy_(1.3 * noise / p.shape[0 if model.config.model_type == "gpt2" else -1] ** 0.5)


def as_version_4(c):
    """The same configuration with the keys of transformers 4."""
    for inner in [c, *[c[k] for k in ("text_config",) if k in c]]:
        parameters = inner.pop("rope_parameters", None)
        if inner.get("model_type") in ("gemma3_text", "gemma2") and "sliding_window_pattern" in inner:
            inner.pop("layer_types", None)
        elif inner.get("model_type") in ("qwen2", "qwen3", "smollm3"):
            inner.pop("layer_types", None)
        inner.pop("_sliding_window_pattern", None)
        if "dtype" in inner:
            inner["torch_dtype"] = inner.pop("dtype")
        if not parameters:
            continue
        if "full_attention" in parameters:
            inner["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
            parameters = parameters["full_attention"]
        inner["rope_theta"] = parameters.pop("rope_theta")
        if "partial_rotary_factor" in parameters:
            inner["partial_rotary_factor"] = parameters.pop("partial_rotary_factor")
        if "mrope_section" in parameters:
            inner["rope_scaling"] = {"type": "mrope", "mrope_section": parameters["mrope_section"]}
        else:
            inner["rope_scaling"] = None if parameters.get("rope_type") == "default" else parameters
    c["transformers_version"] = "4.46.2"
    return c


def greedy(model, prompt):
    ids, margins = list(prompt), []
    for _ in range(NEW_TOKENS):
        top = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
        margins.append(float(top.values[0] - top.values[1]))
        ids.append(int(top.indices[0]))
    return ids[len(prompt):], margins


def make(folder, family, r):
    config = AutoConfig.for_model(**family(r))
    kind = AutoModelForImageTextToText if "vision_config" in config.to_dict() else AutoModelForCausalLM
    config._attn_implementation = "eager"
    model = kind.from_config(config)
    randomise(model, r)
    if getattr(config, "tie_word_embeddings", False):
        model.tie_weights()
    model = model.to(r.choice([torch.float32, torch.float16, torch.bfloat16]))
    model.save_pretrained(folder, max_shard_size=r.choice(["1GB", "40KB"]))
    path = os.path.join(folder, "config.json")
    if r.random() < 0.5:
        saved = as_version_4(json.load(open(path)))
        json.dump(saved, open(path, "w"), indent=1)
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    vocabulary = model.get_output_embeddings().weight.shape[0]
    prompts = [[r.randrange(4, vocabulary - 4) for _ in range(n)] for n in (1, 3, 9, 17, 40)]
    tensors, answers, margins = {}, [], []
    with torch.no_grad():
        for i, prompt in enumerate(prompts):
            tensors[f"logits_{i}"] = model(torch.tensor([prompt]), use_cache=False).logits[0].float().contiguous()
            answer, margin = greedy(model, prompt)
            answers.append(answer)
            margins.append(margin)
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    json.dump({"prompts": prompts, "greedy": answers, "margins": margins}, open(os.path.join(folder, "expected.json"), "w"))


def main():
    out, seed, cases = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for family in FAMILIES:
        if sys.argv[4:] and family.__name__ not in sys.argv[4:]:
            continue
        for case in range(cases):
            r = random.Random(f"{seed} {family.__name__} {case}")
            folder = os.path.join(out, f"{family.__name__}-{seed}-{case}")
            os.makedirs(folder)
            make(folder, family, r)


main()
