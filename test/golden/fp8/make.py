"""Makes the models of this folder, and what compressed-tensors makes of them (*.expected.safetensors): scales by its minimum
and maximum of each row, codes by its compressor, scheme FP8_DYNAMIC.

Run with an environment that has torch, safetensors and compressed-tensors 0.20.1: python -P make.py. Values are random, with
rows of zeros, of the smallest and of large numbers, and one row whose values lie half-way between codes.
"""

import json
from pathlib import Path

import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save_file

here = Path(__file__).parent
torch.manual_seed(17)
scheme = preset_name_to_scheme("FP8_DYNAMIC", ["Linear"])
compressor = BaseCompressor.get_value_from_registry("float-quantized")


def matrix(rows, columns, dtype):
    values = torch.randn(rows, columns) * torch.rand(rows, 1).mul(12).sub(8).exp2()
    values[1] = 0
    values[2] = 0
    values[2, 5] = -torch.finfo(dtype).smallest_normal / 4  # a subnormal number alone
    values[3] *= 1e-6
    values[4] = -0.0
    values[5] *= 3e4 / values[5].abs().max()
    halves = torch.arange(columns) % 240
    values[6] = (8 + halves % 8 + 0.5) * (2.0 ** (halves // 8 - 20))
    values[6, 0] = 448
    return values.to(dtype)


def compressed(weight):
    low, high = torch.aminmax(weight, dim=1, keepdim=True)
    scale, zero = calculate_qparams(low, high, scheme.weights)
    return compressor.compress({"weight": weight, "weight_scale": scale.to(weight.dtype), "weight_zero_point": zero}, scheme)


for name, dtype in {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}.items():
    layer = "model.layers.0"
    model = {
        "model.embed_tokens.weight": torch.randn(32, 16).to(dtype),
        f"{layer}.self_attn.o_proj.weight": matrix(16, 2064, dtype),  # longer than a tile of the engine
        f"{layer}.mlp.up_proj.weight": matrix(96, 48, dtype),
        f"{layer}.mlp.down_proj.weight": matrix(48, 16, dtype),
        f"{layer}.mlp.gate.weight": torch.randn(32, 16).to(dtype),  # a router of experts
        "model.norm.weight": torch.randn(16).to(dtype),
    }
    expected = {}
    for tensor, values in model.items():
        if not tensor.endswith("_proj.weight"):
            expected[tensor] = values
            continue
        for part, made in compressed(values).items():
            expected[f"{tensor.removesuffix('.weight')}.{part}"] = made.contiguous()
    folder = here / name
    folder.mkdir(exist_ok=True)
    save_file(model, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "torch_dtype": name}, indent=1) + "\n")
    save_file(expected, here / f"{name}.expected.safetensors")
