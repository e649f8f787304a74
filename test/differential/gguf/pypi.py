"""PyPI's gguf on GGUF files: python pypi.py FILE... prints, for each, the sha256 of every tensor's float32 values."""

import hashlib
import json
import sys

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

for path in sys.argv[1:]:
    tensors = {}
    for tensor in GGUFReader(path).tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype("<f4")
        tensors[tensor.name] = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
    print(json.dumps(tensors))
