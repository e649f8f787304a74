"""Makes the checkpoints of this folder with torch.save, and what torch.load makes of them (expected.json).

Run with the environment of `npm run setup:peers`: python make.py. Written with torch 2.13.0.
Each file is small: what is tested is how it is written, not how much.
"""

import hashlib
import json
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

here = Path(__file__).parent
torch.manual_seed(7)


def state(**tensors):
    made = OrderedDict(tensors)
    made._metadata = OrderedDict(linear={"version": 1})  # as nn.Module.state_dict() leaves it
    return made


def dtypes():
    wide = torch.randn(3, 5, dtype=torch.float64)
    special = torch.tensor([0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-40, 65504.0])
    made = {f"float.{str(d)[6:]}": wide.to(d) for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}
    made |= {f"special.{str(d)[6:]}": special.to(d) for d in (torch.float32, torch.bfloat16, torch.float16)}
    for d in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        made[f"int.{str(d)[6:]}"] = torch.arange(-3, 4).to(d)
    made["int.bool"] = torch.tensor([True, False, True])
    return state(**made)


def newer_dtypes():
    # kinds without a storage class of their own
    values = torch.tensor([1, 2, 3])
    return state(u16=values.to(torch.uint16), u32=values.to(torch.uint32), u64=values.to(torch.uint64))


def views():
    base = torch.randn(6, 4)
    head = torch.randn(2, 3, dtype=torch.bfloat16)
    return state(
        whole=base,
        rows=base[2:5],
        one_row=base[3],
        same=base,
        reshaped=base.view(4, 6),
        embedding=head,
        head=head,
        scalar=torch.tensor(3.5),
        empty=torch.zeros(0, 4),
        singles=torch.randn(1, 3, 1)[:, 1:2, :],
    )


def strided():
    base = torch.randn(6, 4)
    return state(
        transposed=base.t(),
        columns=base[:, 1:3],
        every_second=base[::2],
        permuted=torch.randn(2, 3, 4, dtype=torch.bfloat16).permute(2, 0, 1),
        expanded=torch.tensor([1.0, 2.0, 3.0]).expand(2, 3),
    )


def parameters():
    layer = torch.nn.Linear(3, 2)
    marked = torch.nn.Parameter(torch.ones(2))
    marked.note = "x"  # a parameter with a state of its own
    return OrderedDict(weight=layer.weight, bias=layer.bias, marked=marked)


def training():
    return {"epoch": 3, "loss": 0.5, "name": "run", "done": True, "state_dict": state(a=torch.randn(2, 2)), "lr": [0.1]}


def save(name, made, **options):
    path = here / name
    torch.save(made, path, **options)
    return path


def facts(tensor):
    tensor = tensor.detach()
    flat = tensor.contiguous().reshape(-1)
    raw = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    return {
        "dtype": str(tensor.dtype)[6:],
        "shape": list(tensor.shape),
        "contiguous": tensor.is_contiguous(),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


expected = {}
for name, made, options in [
    ("dtypes.bin", dtypes(), {}),
    ("newerDtypes.bin", newer_dtypes(), {}),
    ("views.bin", views(), {}),
    ("strided.bin", strided(), {}),
    ("parameters.bin", parameters(), {}),
    ("training.pt", training(), {}),
    ("protocol4.bin", views(), {"pickle_protocol": 4}),
    ("protocol5.bin", dtypes(), {"pickle_protocol": 5}),
    ("legacyDtypes.bin", dtypes(), {"_use_new_zipfile_serialization": False}),
    ("legacyViews.bin", views(), {"_use_new_zipfile_serialization": False}),
    ("legacyStrided.bin", strided(), {"_use_new_zipfile_serialization": False}),
]:
    path = save(name, made, **options)
    loaded = torch.load(path, weights_only=False)  # protocols 4 and 5 are not read otherwise
    loaded = loaded.get("state_dict", loaded)
    expected[name] = {key: facts(value) for key, value in loaded.items()}

tied = torch.randn(4, 3)
save("tied.bin", state(**{"model.embed_tokens.weight": tied, "lm_head.weight": tied}))

# Whole models and what else is no plain state: refused by name.
save("module.bin", torch.nn.Linear(2, 2))
save("sparse.bin", state(a=torch.eye(3).to_sparse()))
save("quantised.bin", state(a=torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8)))
save("complex.bin", state(a=torch.ones(2, dtype=torch.complex64)))
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), here / "script.pt")
# The same checkpoint compressed, as a zip tool would write it again.
with zipfile.ZipFile(here / "views.bin") as stored, zipfile.ZipFile(here / "compressed.bin", "w", zipfile.ZIP_DEFLATED) as out:
    for entry in stored.namelist():
        out.writestr(entry, stored.read(entry))

(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
