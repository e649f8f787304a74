// A llama of random weights with a width of 256, in float32: its rows are whole blocks of every format.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes config.json and model.safetensors into a folder that has config.json of a llama. */
export function writeWideModel(to: string, layers = 8): void {
  const path = join(to, "config.json");
  const config = {
    ...JSON.parse(readFileSync(path, "utf8")),
    ...{
      hidden_size: 256,
      intermediate_size: 512,
      num_hidden_layers: layers,
      tie_word_embeddings: false,
      head_dim: 64,
    },
  };
  writeFileSync(path, JSON.stringify(config));
  const rows: [string, number[]][] = [["model.embed_tokens.weight", [config.vocab_size, 256]]];
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}.`;
    rows.push(
      [`${at}input_layernorm.weight`, [256]],
      [`${at}post_attention_layernorm.weight`, [256]],
      [`${at}self_attn.q_proj.weight`, [256, 256]],
      [`${at}self_attn.k_proj.weight`, [128, 256]],
      [`${at}self_attn.v_proj.weight`, [128, 256]],
      [`${at}self_attn.o_proj.weight`, [256, 256]],
      [`${at}mlp.gate_proj.weight`, [512, 256]],
      [`${at}mlp.up_proj.weight`, [512, 256]],
      [`${at}mlp.down_proj.weight`, [256, 512]],
    );
  }
  rows.push(["model.norm.weight", [256]], ["lm_head.weight", [config.vocab_size, 256]]);
  let offset = 0;
  let state = 12345;
  const header: Record<string, unknown> = {};
  const parts = rows.map(([name, shape]) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + 4 * count] };
    offset += 4 * count;
    return Float32Array.from({ length: count }, () => {
      let sum = 0;
      for (let i = 0; i < 3; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        sum += state / 2 ** 32 - 0.5;
      }
      return sum * 0.08;
    });
  });
  const text = JSON.stringify(header);
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(
    join(to, "model.safetensors"),
    Buffer.concat([length, Buffer.from(padded), ...parts.map((part) => Buffer.from(part.buffer))]),
  );
}
