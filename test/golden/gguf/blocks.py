"""Makes blocks.json: random blocks of every format and the float32 values that PyPI's gguf (0.19.0) has for them.
usage: python blocks.py OUT.json   (needs numpy and gguf)"""
import base64
import json
import sys

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

FORMATS = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
# Where a block has float16 numbers: any bits are a block, but for infinities and NaN.
SCALES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208]}
ELEMENTS = 1024

rng = np.random.default_rng(19)
out = {}
for name in FORMATS:
    kind = GGMLQuantizationType[name]
    size, bytes_ = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ELEMENTS // size, bytes_), dtype=np.uint8)
    for i, block in enumerate(blocks):
        for at in SCALES[name]:
            # ordinary, subnormal, zero, the largest
            scale = [rng.normal() * 0.01, rng.normal() * 1e-6, -0.0, 65504.0][0 if i % 4 != 3 else i // 4 % 4]
            block[at:at + 2] = np.array([scale], "<f2").view(np.uint8)
    values = dequantize(blocks, kind).astype("<f4")
    out[name] = {"blocks": base64.b64encode(blocks.tobytes()).decode(),
                 "values": base64.b64encode(values.tobytes()).decode()}
with open(sys.argv[1], "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
