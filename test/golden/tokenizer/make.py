"""Makes the golden files of this folder: tiny Llama models whose vocabularies differ, and what mergekit makes of them.

    pip install mergekit==0.1.5 transformers tokenizers torch safetensors
    python make.py            # rewrites models/ and cases.json

models/NAME holds a model's tokenizer files and its matrices (`embeddings.json`, small whole numbers, so that every
row is recognisable and sums are exact). cases.json holds, for each recipe, the vocabulary and the two matrices of
mergekit's output, or the error that it ended with.

Two things differ between runs of mergekit and are not compared: the order of tokens that a union appends, and which
model's tokenizer a recipe without a base starts from.
"""

import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE, Unigram, WordLevel, WordPiece
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
HIDDEN = 4


def ids(*tokens):
    return {token: i for i, token in enumerate(tokens)}


def bpe(tokens, merges):
    return Tokenizer(BPE(ids(*tokens), merges, unk_token="<unk>"))


def special(content, **flags):
    return AddedToken(content, special=True, normalized=False, **flags)


def plain(content, **flags):
    return AddedToken(content, special=False, **flags)


# name -> (tokenizer, added tokens, rows of the matrices beyond the tokenizer's size)
MODELS = {
    "a": (bpe(["<unk>", "a", "b", "c", "ab", "abc"], [("a", "b"), ("ab", "c")]), [special("<s>"), special("</s>")], 0),
    # same kind, other order, own pieces, one added token of a with other flags and one of its own
    "b": (
        bpe(["<unk>", "d", "c", "b", "a", "cd", "ab"], [("c", "d"), ("a", "b")]),
        [special("<s>"), special("</s>", lstrip=True), special("<|im_start|>")],
        0,
    ),
    # more rows than tokens
    "c": (bpe(["<unk>", "a", "e", "b", "ae"], [("a", "e")]), [special("<s>"), plain("<tool>")], 7),
    # fewer rows than tokens: the last two have none
    "short": (
        bpe(["<unk>", "a", "b", "f"], []),
        [special("<s>"), special("<x>"), special("<y>")],
        -2,
    ),
    # the last piece of the model itself, "abb", has no row
    "cut": (bpe(["<unk>", "<s>", "a", "b", "ab", "abb"], [("a", "b"), ("ab", "b")]), [special("<s>")], -1),
    "uni1": (
        Tokenizer(Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -1.5), ("ab", -2.0)], 0, False)),
        [special("<s>")],
        0,
    ),
    "uni2": (
        Tokenizer(Unigram([("<unk>", 0.0), ("ab", -1.0), ("c", -1.5), ("a", -2.5)], 0, False)),
        [special("<s>"), special("<z>")],
        0,
    ),
    "wp": (Tokenizer(WordPiece(ids("<unk>", "a", "##b", "c"), unk_token="<unk>")), [special("<s>")], 0),
    "wl": (Tokenizer(WordLevel(ids("<unk>", "c", "a", "d"), unk_token="<unk>")), [special("<s>")], 0),
}


def entries(*models):
    return [{"model": m, "parameters": {"weight": 2.0**-i}} for i, m in enumerate(models)]


def recipe(models, base, **tokenizer):
    r = {"merge_method": "linear", "models": entries(*models), "parameters": {"normalize": False}, "dtype": "float32"}
    if base is not None:
        r["base_model"] = base
    r.update(tokenizer)
    return r


def tokenizer(**keys):
    return {"tokenizer": keys}


CASES = {
    "union_ab": recipe("ab", "a", tokenizer_source="union"),
    "union_ab_base_b": recipe("ab", "b", tokenizer_source="union"),
    "union_ab_no_base": recipe("ab", None, tokenizer_source="union"),
    "union_abc": recipe("abc", "a", tokenizer_source="union"),
    "union_bc_no_base": recipe("bc", None, tokenizer_source="union"),
    "union_abc_no_base": recipe("abc", None, tokenizer_source="union"),
    "union_short": recipe(["a", "short"], "a", tokenizer_source="union"),
    "union_short_base": recipe(["short", "a"], "short", tokenizer_source="union"),
    "union_cut": recipe(["a", "cut"], "a", tokenizer_source="union"),
    "base_cut": recipe(["a", "cut"], "cut", tokenizer_source="base"),
    "base_short": recipe(["a", "short"], "short", tokenizer_source="base"),
    "union_unigram": recipe(["uni1", "uni2"], "uni1", tokenizer_source="union"),
    "union_wordpiece_wordlevel": recipe(["wp", "wl"], "wp", tokenizer_source="union"),
    "union_bpe_unigram": recipe(["a", "uni2"], "a", tokenizer_source="union"),
    "base_ab": recipe("ab", "a", tokenizer_source="base"),
    "base_abc_base_c": recipe("abc", "c", tokenizer_source="base"),
    "model_b": recipe("ab", "a", tokenizer_source="b"),
    "model_b_of_abc": recipe("abc", "a", tokenizer_source="b"),
    "model_outside": recipe("ab", "a", tokenizer_source="c"),
    "tokens_zero": recipe("ab", "a", **tokenizer(source="union", tokens={"cd": {"source": {"kind": "zero"}}})),
    "tokens_zero_force": recipe(
        "ab", "a", **tokenizer(source="union", tokens={"ab": {"source": {"kind": "zero"}, "force": True}})
    ),
    "tokens_model": recipe("abc", "a", **tokenizer(source="union", tokens={"b": {"source": "c"}, "d": {"source": "b"}})),
    "tokens_model_force": recipe(
        "abc", "a", **tokenizer(source="union", tokens={"b": {"source": "c", "force": True}})
    ),
    "tokens_model_lacks": recipe("abc", "a", **tokenizer(source="union", tokens={"d": {"source": "a"}})),
    "tokens_model_token": recipe(
        "ab",
        "a",
        **tokenizer(
            source="union", tokens={"<|im_start|>": {"source": {"kind": "model_token", "model": "a", "token": "<s>"}}}
        ),
    ),
    "tokens_model_token_force": recipe(
        "ab",
        "a",
        **tokenizer(
            source="union",
            tokens={"a": {"source": {"kind": "model_token", "model": "b", "token_id": 5}, "force": True}},
        ),
    ),
    "tokens_model_token_unknown": recipe(
        "ab",
        "a",
        **tokenizer(
            source="union", tokens={"a": {"source": {"kind": "model_token", "model": "b", "token": "nope"}, "force": True}}
        ),
    ),
    "tokens_new": recipe(
        "ab",
        "a",
        **tokenizer(
            source="base",
            tokens={
                "<new>": {"source": {"kind": "model_token", "model": "a", "token": "c"}},
                "<zero>": {"source": {"kind": "zero"}},
            },
        ),
    ),
    "tokens_new_without_source": recipe("ab", "a", **tokenizer(source="base", tokens={"<new>": {}})),
    "tokens_new_of_other_model": recipe("ab", "a", **tokenizer(source="base", tokens={"cd": {"source": "b"}})),
    "tokens_force_only": recipe("ab", "a", **tokenizer(source="union", tokens={"ab": {"force": True}})),
    "tokens_force_only_no_base": recipe("abc", None, **tokenizer(source="union", tokens={"b": {"force": True}})),
    "pad_8_union": recipe("ab", "a", **tokenizer(source="union", pad_to_multiple_of=8)),
    "pad_8_base": recipe("ab", "a", **tokenizer(source="base", pad_to_multiple_of=8)),
    "pad_5_base": recipe("ab", "a", **tokenizer(source="base", pad_to_multiple_of=5)),
    "tokens_model_outside": recipe("ab", "a", **tokenizer(source="union", tokens={"e": {"source": "c"}})),
    "tokens_model_outside_force": recipe(
        "ab", "a", **tokenizer(source="union", tokens={"b": {"source": "c", "force": True}})
    ),
    "tokens_model_token_outside_force": recipe(
        "ab",
        "a",
        **tokenizer(
            source="union",
            tokens={"b": {"source": {"kind": "model_token", "model": "c", "token": "e"}, "force": True}},
        ),
    ),
    "pad_5_nearswap": {
        "merge_method": "nearswap",
        "models": [{"model": "a"}, {"model": "b"}],
        "base_model": "a",
        "parameters": {"t": 20.0},
        "dtype": "float32",
        **tokenizer(source="base", pad_to_multiple_of=5),
    },
    "pad_5_no_base": recipe("abc", None, **tokenizer(source="union", pad_to_multiple_of=5)),
    "pad_5_base_c": recipe("ac", "c", **tokenizer(source="base", pad_to_multiple_of=5)),
}


def make_model(name, folder):
    tokenizer, added, extra = MODELS[name]
    special_tokens = [t for t in added if t.special]
    tokenizer.add_special_tokens(special_tokens)
    tokenizer.add_tokens([t for t in added if not t.special])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")
    fast.save_pretrained(folder)
    rows = len(fast.get_vocab()) + extra
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=HIDDEN,
        intermediate_size=4,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(sum(map(ord, name)))
    model = LlamaForCausalLM(config).to(torch.float32)
    with torch.no_grad():
        for matrix in (model.model.embed_tokens.weight, model.lm_head.weight):
            matrix.copy_(torch.randint(-99, 100, matrix.shape).float())
    model.save_pretrained(folder)
    return {
        "embed": model.model.embed_tokens.weight.tolist(),
        "head": model.lm_head.weight.tolist(),
    }


def run(name, recipe, models, folder):
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    def absolute(value, key=None):
        if isinstance(value, dict):
            return {k: absolute(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [absolute(v) for v in value]
        if key in ("model", "base_model", "source", "tokenizer_source") and value in models:
            return str(models[value])
        return value

    out = folder / f"out-{name}"
    try:
        run_merge(
            MergeConfiguration.model_validate(absolute(recipe)),
            str(out),
            MergeOptions(quiet=True, write_model_card=False),
        )
    except Exception as error:  # the kind of failure is part of the reference
        return {"recipe": recipe, "error": f"{type(error).__name__}: {error}"[:200].replace(str(folder), "")}
    tensors = load_file(next(out.glob("model*.safetensors")))
    made = AutoTokenizer.from_pretrained(out)
    saved = json.loads((out / "tokenizer.json").read_text())
    return {
        "recipe": recipe,
        "vocabulary": dict(sorted(made.get_vocab().items(), key=lambda item: item[1])),
        "addedTokens": [t["content"] for t in saved["added_tokens"]],
        "modelVocabulary": saved["model"]["vocab"],
        "merges": saved["model"].get("merges"),
        "vocabSize": json.loads((out / "config.json").read_text())["vocab_size"],
        "embed": tensors["model.embed_tokens.weight"].tolist(),
        "head": tensors["lm_head.weight"].tolist() if "lm_head.weight" in tensors else None,
    }


def main():
    torch.set_num_threads(1)
    if "-v" not in sys.argv:
        logging.disable(logging.WARNING)
    only = [a for a in sys.argv[1:] if not a.startswith("-")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = {}
        shutil.rmtree(HERE / "models", ignore_errors=True)
        for model in MODELS:
            models[model] = folder / model
            matrices = make_model(model, models[model])
            kept = HERE / "models" / model
            kept.mkdir(parents=True)
            for file in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(models[model] / file, kept / file)
            (kept / "embeddings.json").write_text(json.dumps(matrices) + "\n")
        results = {}
        for case, r in CASES.items():
            if not only or case in only:
                print(case, flush=True)
                results[case] = run(case, r, models, folder)
                if only:
                    print(yaml.dump(results[case]))
        if not only:
            lines = [f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items()]
            (HERE / "cases.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
