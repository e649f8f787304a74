// Warnings of a conversion to GGUF: what llama.cpp has fixed in its code, and a model's configuration says otherwise.

import { describe, expect, it } from "vitest";
import { familyOfModelType } from "../../../lib/checkpoint/formats/gguf/families/families.js";
import type { GgufFamily } from "../../../lib/checkpoint/formats/gguf/families/types.js";
import { differences } from "../../../lib/merge/formats/gguf/differences.js";

const HEAD = 64;
const warned = (type: string, config: object) =>
  differences(familyOfModelType(type) as GgufFamily, { model_type: type, ...config }, HEAD);

const usual = {
  llama: { hidden_act: "silu", sliding_window: null, max_position_embeddings: 4096 },
  mistral: { hidden_act: "silu", sliding_window: 4096, max_position_embeddings: 4096 },
  qwen2: { hidden_act: "silu", sliding_window: 32, use_sliding_window: false, max_position_embeddings: 4096 },
  qwen3: { hidden_act: "silu", sliding_window: null, use_sliding_window: false, max_position_embeddings: 4096 },
  gemma2: { query_pre_attn_scalar: HEAD, num_hidden_layers: 26, sliding_window: 4096, max_position_embeddings: 8192 },
  gemma3_text: {
    query_pre_attn_scalar: HEAD,
    num_hidden_layers: 12,
    sliding_window: 512,
    max_position_embeddings: 32768,
    layer_types: Array.from({ length: 12 }, (_, at) => (at % 6 === 5 ? "full_attention" : "sliding_attention")),
  },
};

describe("a conversion to GGUF", () => {
  it.each(Object.entries(usual))("warns of nothing for %s as it is published", (type, config) => {
    expect(warned(type, config)).toEqual([]);
  });

  it.each([
    ["a window that llama.cpp has not", "mistral", { sliding_window: 1024 }, /the last 1024 tokens.*all of them/],
    ["a window that Qwen uses", "qwen2", { use_sliding_window: true }, /the last 32 tokens.*all of them/],
    ["queries scaled otherwise", "gemma2", { query_pre_attn_scalar: 224 }, /root of 224.*a head's size, 64/],
    ["queries scaled otherwise", "gemma3_text", { query_pre_attn_scalar: 224 }, /root of 224.*a head's size, 64/],
    ["another pattern", "gemma3_text", { layer_types: undefined, sliding_window_pattern: 4 }, /one after every 5/],
    [
      "other layers that see everything",
      "gemma3_text",
      { layer_types: Array(12).fill("full_attention") },
      /one after every 5/,
    ],
    ["another activation", "llama", { hidden_act: "relu" }, /activation relu; llama\.cpp has silu/],
  ] as const)("warns of %s (%s)", (_what, type, config, words) => {
    const found = warned(type, { ...usual[type as keyof typeof usual], ...config });
    expect(found).toEqual([expect.stringMatching(words)]);
    expect(found[0]).toMatch(/, and answers differently$/);
  });

  it("takes the scale of the largest Gemma models as llama.cpp has it", () => {
    const largest = { ...usual.gemma2, num_hidden_layers: 46, query_pre_attn_scalar: 144 };
    expect(warned("gemma2", largest)).toEqual([]);
  });

  it("takes swish for silu, its other name", () => {
    expect(warned("llama", { ...usual.llama, hidden_act: "swish" })).toEqual([]);
  });
});
