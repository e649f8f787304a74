"""Writes a LoRA adapter of a Llama model as the GGUF file that llama.cpp reads. Arguments: the model, the adapter, the file.

Format: https://github.com/ggml-org/llama.cpp/blob/master/src/llama-adapter.cpp (keys and names of tensors)."""

import json
import sys

import gguf
from safetensors.numpy import load_file

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}

model, adapter, out = sys.argv[1:]
with open(f"{model}/config.json") as file:
    config = json.load(file)
with open(f"{adapter}/adapter_config.json") as file:
    alpha = json.load(file)["lora_alpha"]
heads = {"self_attn.q_proj": config["num_attention_heads"], "self_attn.k_proj": config["num_key_value_heads"]}
writer = gguf.GGUFWriter(out, "llama")
writer.add_type("adapter")
writer.add_string("adapter.type", "lora")
writer.add_float32("adapter.lora.alpha", float(alpha))
for name, values in load_file(f"{adapter}/adapter_model.safetensors").items():
    layer, rest = name.split(".layers.")[1].split(".", 1)
    part, which = rest.split(".lora_")
    if which[0] == "B" and part in heads:
        # llama.cpp has the two halves of each head's rows interleaved
        rows = values.shape[0]
        values = values.reshape(heads[part], 2, rows // heads[part] // 2, -1).swapaxes(1, 2).reshape(rows, -1)
    writer.add_tensor(f"blk.{layer}.{NAMES[part]}.weight.lora_{which[0].lower()}", values.astype("float32").copy())
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
