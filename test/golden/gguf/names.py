"""Makes names.json: what PyPI's gguf (0.19.0) calls the tensors of the tiny models in test/golden/models.
usage: python names.py MODELS OUT.json   (needs gguf)"""
import json
import struct
import sys
from pathlib import Path

from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES
from gguf.tensor_mapping import get_tensor_name_map

ARCHITECTURES = {"gemma3_text": "gemma3", "mistral": "llama"}
out = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    if not (folder / "config.json").exists():
        continue
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    name = ARCHITECTURES.get(kind, kind)
    arch = next(a for a in MODEL_ARCH if MODEL_ARCH_NAMES[a] == name)
    table = get_tensor_name_map(arch, 8)
    names = []
    for path in sorted(folder.glob("model*.safetensors")):
        data = path.read_bytes()
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        names += [n for n in header if n != "__metadata__"]
    out[folder.name] = {"type": kind, "architecture": name,
                        "names": {n: table.get_name(n, try_suffixes=(".weight", ".bias")) for n in sorted(names)}}
with open(sys.argv[2], "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
