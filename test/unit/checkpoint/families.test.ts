import { describe, expect, it } from "vitest";
import {
  embeddingNames,
  family,
  isTied,
  layerCount,
  layerOf,
  layerStacks,
  mainStack,
  renumberLayer,
  textConfig,
} from "../../../lib/checkpoint/families.js";

const shapes = (...names: string[]) => new Map(names.map((name) => [name, { shape: [8, 4] }]));

describe("layerOf", () => {
  it.each([
    ["model.layers.12.self_attn.q_proj.weight", "model.layers.", 12, "self_attn.q_proj.weight"],
    ["layers.0.attention.wq.weight", "layers.", 0, "attention.wq.weight"],
    ["transformer.h.3.attn.c_attn.weight", "transformer.h.", 3, "attn.c_attn.weight"],
    ["h.3.attn.c_attn.weight", "h.", 3, "attn.c_attn.weight"],
    ["gpt_neox.layers.5.mlp.dense.bias", "gpt_neox.layers.", 5, "mlp.dense.bias"],
    ["bert.encoder.layer.7.output.dense.weight", "bert.encoder.layer.", 7, "output.dense.weight"],
    ["transformer.blocks.2.ffn.weight", "transformer.blocks.", 2, "ffn.weight"],
    ["encoder.block.1.layer.0.SelfAttention.q.weight", "encoder.block.", 1, "layer.0.SelfAttention.q.weight"],
    ["model.layers.3.block_sparse_moe.experts.7.w1.weight", "model.layers.", 3, "block_sparse_moe.experts.7.w1.weight"],
    ["model.language_model.layers.4.mlp.up_proj.weight", "model.language_model.layers.", 4, "mlp.up_proj.weight"],
    [
      "vision_tower.vision_model.encoder.layers.9.mlp.fc1.bias",
      "vision_tower.vision_model.encoder.layers.",
      9,
      "mlp.fc1.bias",
    ],
    ["visual.transformer.resblocks.1.ln_1.weight", "visual.transformer.resblocks.", 1, "ln_1.weight"],
    ["backbone.layers.6.mixer.A_log", "backbone.layers.", 6, "mixer.A_log"],
  ])("takes %s apart", (name, prefix, index, suffix) => {
    expect(layerOf(name)).toEqual({ prefix, index, suffix });
  });

  it.each([
    "model.embed_tokens.weight",
    "lm_head.weight",
    "model.mm_projector.0.weight",
    "visual.merger.mlp.2.weight",
    "experts.3.weight",
    "model.layers.norm.weight",
    "model.layers.01.x",
    "model.layers.3",
    "h",
    "",
  ])("finds no layer in %j", (name) => {
    expect(layerOf(name)).toBeNull();
  });

  it("takes time linear in a name's length", () => {
    expect(layerOf("layers.".repeat(300_000))).toBeNull();
  });
});

describe("renumberLayer", () => {
  it("changes the layer's number alone", () => {
    expect(renumberLayer("model.layers.3.experts.3.w1.weight", 10)).toBe("model.layers.10.experts.3.w1.weight");
    expect(renumberLayer("lm_head.weight", 10)).toBe("lm_head.weight");
  });
});

describe("stacks of layers", () => {
  const multimodal = [
    ...[0, 1, 2].map((i) => `language_model.model.layers.${i}.mlp.up_proj.weight`),
    ...[0, 1, 2, 3, 4].map((i) => `vision_tower.vision_model.encoder.layers.${i}.mlp.fc1.weight`),
  ];

  it("are counted by themselves", () => {
    expect(layerStacks(multimodal)).toEqual([
      { prefix: "language_model.model.layers.", layers: 3, tensors: 3 },
      { prefix: "vision_tower.vision_model.encoder.layers.", layers: 5, tensors: 5 },
    ]);
  });

  it("of the language model come before larger vision towers", () => {
    expect(layerCount(multimodal)).toBe(3);
  });

  it("of a decoder come before those of its encoder", () => {
    expect(mainStack(["encoder.block.1.layer.0.q.weight", "decoder.block.1.layer.0.q.weight"])?.prefix).toBe(
      "decoder.block.",
    );
  });

  it("are none in a model without layers", () => {
    expect(layerCount(["a.weight"])).toBe(0);
  });
});

describe("embeddings and heads", () => {
  it.each([
    [["lm_head.weight", "model.embed_tokens.weight"], "model.embed_tokens.weight", "lm_head.weight"],
    [["transformer.wte.weight", "transformer.wpe.weight"], "transformer.wte.weight", undefined],
    [["gpt_neox.embed_in.weight", "embed_out.weight"], "gpt_neox.embed_in.weight", "embed_out.weight"],
    [
      ["model.tok_embeddings.weight", "output.weight", "model.layers.0.output.weight"],
      "model.tok_embeddings.weight",
      "output.weight",
    ],
    [["encoder.embed_tokens.weight", "shared.weight", "lm_head.weight"], "shared.weight", "lm_head.weight"],
    [
      ["language_model.model.embed_tokens.weight", "language_model.lm_head.weight", "vision_tower.embeddings.weight"],
      "language_model.model.embed_tokens.weight",
      "language_model.lm_head.weight",
    ],
    [["conv.weight"], undefined, undefined],
  ])("are found in %j", (names, embedding, head) => {
    const found = embeddingNames(shapes(...names));
    expect([found.embedding, found.head]).toEqual([embedding, head]);
  });

  it("are tied when no head is stored and the configuration agrees", () => {
    const alone = shapes("model.embed_tokens.weight");
    expect(isTied(alone, { tie_word_embeddings: true })).toBe(true);
    expect(isTied(alone, {})).toBe(true);
    expect(isTied(alone, { tie_word_embeddings: false })).toBe(false);
    expect(isTied(alone, { text_config: { tie_word_embeddings: false } })).toBe(false);
    expect(isTied(shapes("model.embed_tokens.weight", "lm_head.weight"), { tie_word_embeddings: true })).toBe(false);
  });
});

describe("configurations", () => {
  it("name the family for display", () => {
    expect(family({ architectures: ["LlamaForCausalLM"], model_type: "llama" })).toBe("LlamaForCausalLM (llama)");
    expect(family({ model_type: "gpt2", architectures: null })).toBe("gpt2");
    expect(family({})).toBe("unknown");
  });

  it("hold the language model's part in models of several modules", () => {
    expect(textConfig({ text_config: { a: 1 } })).toEqual({ a: 1 });
    expect(textConfig({ text_config: "x", b: 1 })).toEqual({ text_config: "x", b: 1 });
  });
});
