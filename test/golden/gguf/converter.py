"""Makes converter.json: what llama.cpp's own converter (convert_hf_to_gguf.py of the release in llama-cpp-python 0.3.36,
with gguf 0.19.0) writes of the tiny models in test/golden/models: metadata; names, types and digests of tensors; small vectors.
usage: python converter.py LLAMA_CPP GOLDEN OUT.json   (needs torch, transformers, sentencepiece)

Where the converter reads tokenizer.model, one is made of tokenizer.json: pieces in their order, the score of a piece minus
the place of its first merge. The name of a pre-tokenizer goes by a hash of published vocabularies, which these are not:
its value is left out."""
import hashlib
import json
import shutil
import struct
import sys
import tempfile
from pathlib import Path

CPP, GOLDEN, OUT = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
sys.path[:0] = [str(CPP), str(CPP / "gguf-py")]
import gguf  # noqa: E402
import torch  # noqa: E402
from conversion import get_model_class  # noqa: E402
from conversion.base import ModelBase, TextModel  # noqa: E402

TextModel.get_vocab_base_pre = lambda self, tokenizer: "?"
TOKENIZERS = {"llama": "llama2", "mistral": "llama2", "phi3": "llama2", "llama3": "llama3", "qwen2": "qwen", "qwen3": "qwen",
              "gemma": "gemma", "gemma2": "gemma", "gemma3_text": "gemma", "gpt2": "gpt2"}
FACTORS = {"long_factor": [1.5, 2.25, 3, 4, 5.5, 6, 7, 8], "short_factor": [1, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07]}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
# Name of a case: the model, changes of config.json, of generation_config.json, of tokenizer_config.json.
CASES = {name: (name, {}, {}, {}) for name in TOKENIZERS} | {
    "llama, linear": ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.5}}, {}, {}),
    "llama, sampling": ("llama", {}, {"temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.05}, {}),
    "llama, yarn of the old form": ("llama", {"rope_scaling": {"type": "yarn", "factor": 4.0,
                                                               "original_max_position_embeddings": 32}}, {}, {}),
    "llama, dynamic": ("llama", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, {}, {}),
    "llama, longrope": ("llama", {"original_max_position_embeddings": 32, "rope_scaling":
                                  {"rope_type": "longrope", **FACTORS}}, {}, {}),
    "llama, no prefixed space": ("llama", {}, {}, {"add_prefix_space": False}),
    "qwen2, yarn": ("qwen2", {"rope_scaling": YARN}, {}, {}),
    "qwen3, yarn with its numbers": ("qwen3", {"rope_scaling": {**YARN, "attention_factor": 1.25, "beta_fast": 24.0,
                                                                "beta_slow": 2.0}}, {}, {}),
    "qwen3, rope_parameters": ("qwen3", {"rope_theta": None, "rope_parameters":
                                         {"rope_type": "default", "rope_theta": 5000000.0}}, {}, {}),
    "phi3, longrope": ("phi3", {"original_max_position_embeddings": 32, "rope_scaling":
                                {"type": "longrope", **FACTORS}}, {}, {}),
    "phi3, window": ("phi3", {"sliding_window": 47}, {}, {}),
    "gemma3_text, rope_parameters": ("gemma3_text", {"rope_theta": None, "rope_local_base_freq": None, "rope_scaling": None,
                                                     "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0}}}, {}, {}),
}


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def sentencepiece(tokenizer):
    """tokenizer.json as the protocol buffer of a SentencePiece model."""
    model = tokenizer["model"]
    merges = [m if isinstance(m, list) else m.split(" ", 1) for m in model["merges"]]
    place = {}
    for at, (left, right) in enumerate(merges):
        place.setdefault(left + right, at)
    added = {t["id"]: t["content"] for t in tokenizer["added_tokens"]}
    out, tokens = b"", {i: t for t, i in model["vocab"].items()} | added
    for at in range(len(tokens)):
        token = tokens[at]
        kind = 2 if token == model["unk_token"] else 3 if at in added else 6 if token.startswith("<0x") else 1
        piece = field(1, token.encode()) + varint(2 << 3 | 5) + struct.pack("<f", -place.get(token, 0))
        out += field(1, piece + varint(3 << 3) + varint(kind))
    specials = b"".join(varint(n << 3) + varint(v & (1 << 64) - 1) for n, v in ((3, 2), (35, 1), (40, next(
        i for i, t in tokens.items() if t == model["unk_token"])), (41, -1), (42, -1), (43, -1)))
    return out + field(2, specials) + field(3, field(1, b"identity"))


def told(field):
    kind = field.types[0]
    if kind != gguf.GGUFValueType.ARRAY:
        value = field.contents()
        return [kind.name, "?" if value == "?" else value]
    value, of = field.contents(), field.types[1]
    packed = "\0".join(value).encode() if of == gguf.GGUFValueType.STRING else struct.pack(
        f"<{len(value)}{'f' if of == gguf.GGUFValueType.FLOAT32 else 'i'}", *value)
    return [f"ARRAY {of.name}", len(value), hashlib.sha256(packed).hexdigest()]


def convert(folder, to):
    hparams = ModelBase.load_hparams(folder, False)
    with torch.inference_mode():
        made = get_model_class(hparams["architectures"][0])(folder, gguf.LlamaFileType.ALL_F32, to)
        made.write()
    reader = gguf.GGUFReader(to)
    metadata = {k: told(f) for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    def digest(tensor):
        return hashlib.sha256(tensor.data.tobytes()).hexdigest()[:16]

    tensors = {t.name: [[int(n) for n in reversed(t.shape)], t.tensor_type.name, digest(t)] for t in reader.tensors}
    vectors = {t.name: [float(v) for v in t.data] for t in reader.tensors if t.name.startswith("rope_")}
    return {"metadata": metadata, "tensors": tensors, "vectors": vectors}


out = {}
for case, (model, config, generation, settings) in CASES.items():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tiny"
        folder.mkdir()
        for source in (GOLDEN / "models" / model, GOLDEN / "tokenizers" / TOKENIZERS[model]):
            for path in source.iterdir():
                if not path.name.startswith("expected") and path.name != "README.md":
                    shutil.copy(path, folder)
        for name, changes in (("config", config), ("generation_config", generation), ("tokenizer_config", settings)):
            path = folder / f"{name}.json"
            old = json.loads(path.read_text()) if path.exists() else {}
            new = {k: v for k, v in {**old, **changes}.items() if k not in changes or v is not None}
            if changes:
                path.write_text(json.dumps(new))
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        if tokenizer["model"].get("byte_fallback"):
            path = folder / "tokenizer_config.json"  # as transformers writes it
            told_of = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in tokenizer["added_tokens"]}
            path.write_text(json.dumps({**json.loads(path.read_text()), "added_tokens_decoder": told_of}))
            (folder / "tokenizer.model").write_bytes(sentencepiece(tokenizer))
        out[case] = {"model": model, "config": config, "generation": generation, "settings": settings}
        try:
            out[case] |= convert(folder, Path(place) / "out.gguf")
        except Exception as error:
            print(f"{case}: {type(error).__name__} {error}")
            raise
# One line an entry of the metadata, and one for all tensors.
lines = []
for case, value in out.items():
    parts = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items() if k != "metadata"]
    entries = ",\n".join(f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in value["metadata"].items())
    lines.append(f" {json.dumps(case)}: {{\n" + ",\n".join([*parts, '  "metadata": {\n' + entries + "\n  }"]) + "\n }")
OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
