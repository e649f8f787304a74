"""Makes the quantised checkpoints of this folder, and what the reference libraries make of them (*.expected.safetensors).

Run with an environment that has torch, safetensors, compressed-tensors 0.20.1 and bitsandbytes 0.50.2: python make.py.
GPTQ and AWQ have no library that imports without a GPU: their values are computed by numpy in float64 from the formats'
documents, and rounded once. Every tensor's values are random; shapes are odd where the format allows it.
"""

import json
from pathlib import Path

import bitsandbytes.functional as bnb
import numpy as np
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize
from safetensors.torch import save_file

here = Path(__file__).parent
torch.manual_seed(11)
rng = np.random.default_rng(11)
HALVES = (torch.float16, torch.bfloat16)


def save(name, tensors, settings, expected, dtype="bfloat16"):
    folder = here / name
    folder.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    config = {"model_type": "llama", "torch_dtype": dtype}
    if settings:
        config["quantization_config"] = settings
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in expected.items()}, here / f"{name}.expected.safetensors")


def plain(tensors, expected):
    """What is not quantised in such a model."""
    tensors["model.norm.weight"] = expected["model.norm.weight"] = torch.randn(5, dtype=torch.bfloat16)


def fp8(shape, dtype=torch.float8_e4m3fn):
    codes = torch.randint(0, 256, shape, dtype=torch.uint8)
    codes[(codes & 0x7F) >= (0x7F if dtype == torch.float8_e4m3fn else 0x7C)] = 1  # no NaN, no infinities
    return codes.view(dtype)


def repeated(scales, shape, block):
    return scales.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[: shape[0], : shape[1]]


def make_fp8():
    # transformers' fp8: q.float() * scale.float(), to the model's dtype (integrations/finegrained_fp8.py)
    tensors, expected = {}, {}
    plain(tensors, expected)
    cases = {
        "block": ((200, 300), (2, 3), (128, 128), "weight_scale_inv", torch.float32),
        "tensor": ((7, 33), (1,), None, "weight_scale", torch.float32),
        "scalar": ((7, 33), (), None, "weight_scale_inv", torch.float32),
        "channel": ((9, 40), (9, 1), None, "weight_scale", torch.bfloat16),
        "e5m2": ((6, 10), (6,), None, "weight_scale", torch.float32),
    }
    for name, (shape, grid, block, key, dtype) in cases.items():
        codes = fp8(shape, torch.float8_e5m2 if name == "e5m2" else torch.float8_e4m3fn)
        scale = (torch.rand(grid) * 0.02 + 1e-4).to(dtype)
        full = repeated(scale.float(), shape, block) if block else scale.float().reshape(-1, 1) if len(grid) else scale.float()
        tensors[f"{name}.weight"], tensors[f"{name}.{key}"] = codes, scale
        expected[f"{name}.weight"] = (codes.float() * full).to(torch.bfloat16)
    tensors["tensor.input_scale"] = torch.tensor([0.5])
    save("fp8", tensors, {"quant_method": "fp8", "weight_block_size": [128, 128]}, expected)


def compressed(name, bits, kind, strategy, symmetric, packed, dtype, group=32, block=None):
    tensors, expected = {}, {}
    plain(tensors, expected)
    settings = {"num_bits": bits, "type": kind, "strategy": strategy, "symmetric": symmetric}
    if strategy == "group":
        settings["group_size"] = group
    if block:
        settings["block_structure"] = list(block)
    args = QuantizationArgs(**settings)
    for module, shape in (("a", (24, 96)), ("b.c", (40, 64))):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)
        codes = fp8(shape) if kind == "float" else torch.randint(low, high, shape, dtype=torch.int8)
        rows, cols = shape
        grid = {
            "tensor": (1,),
            "channel": (rows, 1),
            "group": (rows, cols // group),
            "block": (-(-rows // (block or (1, 1))[0]), -(-cols // (block or (1, 1))[1])),
        }[strategy]
        scale = (torch.rand(grid) * 0.03 + 1e-4).to(dtype)
        zero = None if symmetric else torch.randint(low, high, grid, dtype=torch.int8)
        value = dequantize(codes, scale, zero, args)
        expected[f"{module}.weight"] = value.to(torch.bfloat16) if dtype == torch.float32 else value
        tensors[f"{module}.weight_scale"] = scale
        if packed:
            tensors[f"{module}.weight_packed"] = pack_to_int32(codes, bits)
            tensors[f"{module}.weight_shape"] = torch.tensor(shape)
            if zero is not None:
                tensors[f"{module}.weight_zero_point"] = pack_to_int32(zero, bits, packed_dim=0)
        else:
            tensors[f"{module}.weight"] = codes
            if zero is not None:
                tensors[f"{module}.weight_zero_point"] = zero
    form = "pack-quantized" if packed else "float-quantized" if kind == "float" else "int-quantized"
    config = {"quant_method": "compressed-tensors", "format": form, "config_groups": {"group_0": {"targets": ["Linear"], "weights": settings}}}
    save(f"compressed-{name}", tensors, config, expected)


def words(codes, bits):
    """Along the first dimension: a stream of bits, lowest first, in 32-bit words."""
    stream = ((codes[:, None, :] >> np.arange(bits)[None, :, None]) & 1).reshape(-1, codes.shape[1])
    stream = stream.reshape(-1, 32, codes.shape[1]).astype(np.uint64)
    return (stream << np.arange(32, dtype=np.uint64)[None, :, None]).sum(1).astype(np.uint32).view(np.int32)


def grouped(name, bits, act_order, version, dtype=torch.float16):
    tensors, expected = {}, {}
    plain(tensors, expected)
    group, outputs = 32, 64
    for module, inputs in (("a", 96), ("b.c", 64)):
        groups = inputs // group
        q = rng.integers(0, 2**bits, (inputs, outputs))
        z = rng.integers(0, 2**bits, (groups, outputs))
        scale = (torch.rand(groups, outputs) * 0.02 + 1e-4).to(dtype)
        index = np.arange(inputs) // group
        if act_order:
            index = rng.permutation(index)
        value = (q - z[index]).astype(np.float64) * scale.double().numpy()[index]
        expected[f"{module}.weight"] = torch.from_numpy(value.T.copy()).to(dtype)
        tensors[f"{module}.scales"] = scale
        if version == "awq":
            # eight outputs of a word are its places 0, 4, 1, 5, 2, 6, 3, 7
            place = np.array([0, 4, 1, 5, 2, 6, 3, 7])

            def pack(matrix):
                eights = matrix.reshape(matrix.shape[0], -1, 8).astype(np.uint64)
                return torch.from_numpy((eights << (4 * place).astype(np.uint64)).sum(2).astype(np.uint32).view(np.int32))

            tensors[f"{module}.qweight"], tensors[f"{module}.qzeros"] = pack(q), pack(z)
        else:
            stored = (z - 1) % 2**bits if version == "gptq" else z
            tensors[f"{module}.qweight"] = torch.from_numpy(words(q, bits))
            tensors[f"{module}.qzeros"] = torch.from_numpy(words(stored.T.copy(), bits).T.copy())
            if act_order or module == "a":
                tensors[f"{module}.g_idx"] = torch.from_numpy(index.astype(np.int32))
        tensors[f"{module}.bias"] = expected[f"{module}.bias"] = torch.randn(outputs).to(dtype)
    settings = {"quant_method": "awq" if version == "awq" else "gptq", "bits": bits, "group_size": group}
    settings |= {"version": "gemm"} if version == "awq" else {"desc_act": act_order, "checkpoint_format": version}
    save(name, tensors, settings, expected, str(dtype)[6:])


def make_bnb4(name, kind, nested, dtype, block=64):
    tensors, expected = {}, {}
    plain(tensors, expected)
    for module, shape in (("a", (24, 40)), ("b.c", (33, 34))):
        codes, state = bnb.quantize_4bit(torch.randn(shape, dtype=dtype), blocksize=block, quant_type=kind, compress_statistics=nested)
        tensors[f"{module}.weight"] = codes
        for key, value in state.as_dict(packed=True).items():
            tensors[f"{module}.weight.{key}"] = value
        expected[f"{module}.weight"] = bnb.dequantize_4bit(codes, state)
    settings = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind}
    save(name, tensors, settings, expected, str(dtype)[6:])


def make_bnb8():
    tensors, expected = {}, {}
    plain(tensors, expected)
    for module, shape in (("a", (24, 40)), ("b.c", (33, 34))):
        codes = torch.randint(-127, 128, shape, dtype=torch.int8)
        scale = torch.rand(shape[0]) * 3
        tensors |= {f"{module}.weight": codes, f"{module}.SCB": scale, f"{module}.weight_format": torch.tensor(0, dtype=torch.uint8)}
        expected[f"{module}.weight"] = bnb.int8_vectorwise_dequant(codes, scale).to(torch.float16)
    save("bnb-int8", tensors, {"quant_method": "bitsandbytes", "load_in_8bit": True}, expected, "float16")


make_fp8()
compressed("fp8-channel", 8, "float", "channel", True, False, torch.bfloat16)
compressed("fp8-tensor", 8, "float", "tensor", True, False, torch.float32)
compressed("fp8-block", 8, "float", "block", True, False, torch.bfloat16, block=(8, 32))
compressed("int8-channel", 8, "int", "channel", True, False, torch.float16)
compressed("int8-zero", 8, "int", "channel", False, False, torch.bfloat16)
compressed("int8-group-packed", 8, "int", "group", False, True, torch.bfloat16)
compressed("int4-group", 4, "int", "group", True, True, torch.bfloat16)
compressed("int4-zero", 4, "int", "group", False, True, torch.float16)
compressed("int4-channel", 4, "int", "channel", False, True, torch.bfloat16)
for bits in (2, 3, 4, 8):
    grouped(f"gptq-{bits}", bits, False, "gptq")
grouped("gptq-act-order", 4, True, "gptq")
grouped("gptq-v2", 4, True, "gptq_v2", torch.bfloat16)
grouped("awq", 4, False, "awq")
make_bnb4("nf4", "nf4", False, torch.bfloat16)
make_bnb4("nf4-nested", "nf4", True, torch.float16)
make_bnb4("nf4-float32", "nf4", True, torch.float32)
make_bnb4("fp4", "fp4", False, torch.float16, 128)
make_bnb8()
