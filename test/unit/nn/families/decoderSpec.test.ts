import { describe, expect, it } from "vitest";
import { RetemperError } from "../../../../lib/errors.js";
import { decoderSpec } from "../../../../lib/nn/families/decoderSpec.js";
import { llamaCheckpoint } from "./llamaCheckpoint.js";

function failure(...args: Parameters<typeof llamaCheckpoint>): RetemperError {
  try {
    decoderSpec(llamaCheckpoint(...args), []);
  } catch (error) {
    if (error instanceof RetemperError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("decoderSpec", () => {
  it("describes a Llama model", () => {
    const spec = decoderSpec(llamaCheckpoint({ attention_bias: false }), [2]);
    expect(spec).toMatchObject({ family: "llama", vocabulary: 11, hidden: 8, maxPositions: 2048, stopTokens: [2] });
    expect(spec.layers).toHaveLength(2);
    expect(spec.layers[1]?.attend).toMatchObject({ layer: 1, heads: 4, kvHeads: 2, headDim: 2, scale: 2 ** -0.5 });
    expect(spec.layers[0]?.attend.rope).toBe(spec.layers[1]?.attend.rope);
    expect(spec.head.matrix.weight.name).toBe("lm_head.weight");
    expect(spec.layers[0]?.mlp.gate?.weight.stored.name).toBe("model.layers.0.mlp.gate_proj.weight");
  });

  it("ties the head to the embedding where none is stored and nothing denies it", () => {
    for (const tie_word_embeddings of [true, undefined]) {
      const spec = decoderSpec(llamaCheckpoint({ tie_word_embeddings }, { "lm_head.weight": null }), []);
      expect(spec.head.matrix.weight).toBe(spec.embed.table);
    }
    const error = failure({}, { "lm_head.weight": null });
    expect(error).toMatchObject({ code: "BAD_INPUT" });
    expect(error.message).toContain("lm_head.weight");
  });

  it.each(["", "language_model.model.", "model.language_model.", "model."])("finds tensors under %j", (prefix) => {
    const spec = decoderSpec(llamaCheckpoint({}, {}, prefix), []);
    expect(spec.embed.table.name).toBe(`${prefix}embed_tokens.weight`);
  });

  it("takes the language model's part of a configuration of several modules", () => {
    const { config, ...rest } = llamaCheckpoint();
    const whole = { model_type: "llava", vision_config: {}, text_config: config };
    expect(decoderSpec({ ...rest, config: whole }, []).family).toBe("llama");
  });

  it("names the families it knows when it meets another", () => {
    const error = failure({ model_type: "mamba" });
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("/models/m/config.json");
    expect(error.message).toContain("mamba");
    expect(error.hint).toContain("llama, smollm3, mistral");
    expect(failure({ model_type: undefined }).message).toContain("model_type is missing");
  });

  it("names every tensor that is missing, with the nearest that is there", () => {
    const error = failure({}, { "layers.1.mlp.up_proj.weight": null, "norm.weight": null });
    expect(error.message).toContain("model.layers.1.mlp.up_proj.weight (nearest: model.layers.0.mlp.up_proj.weight)");
    expect(error.message).toContain("model.norm.weight");
    expect(error.hint).toMatch(/shards/);
  });

  it("names every tensor of a wrong shape or dtype, and says what config.json says", () => {
    const error = failure(
      {},
      { "layers.0.self_attn.k_proj.weight": { shape: [8, 8] }, "norm.weight": { dtype: "F64" } },
    );
    expect(error.message).toContain("model.layers.0.self_attn.k_proj.weight is [8, 8]; by config.json it is [4, 8]");
    expect(error.message).toContain("model.norm.weight is F64, not F32, F16, BF16");
  });

  it("asks for biases where the configuration says so", () => {
    expect(failure({ attention_bias: true }).message).toContain("model.layers.0.self_attn.q_proj.bias");
    expect(failure({ mlp_bias: true }).message).toContain("model.layers.1.mlp.down_proj.bias");
  });

  it.each([
    [{ num_hidden_layers: 1e9 }, /num_hidden_layers is 1000000000/],
    [{ num_hidden_layers: 20000 }, /more than any model has/],
    [{ hidden_size: "8" }, /hidden_size is "8", not a positive whole number/],
    [{ num_key_value_heads: 3 }, /does not divide 4 heads/],
    [{ hidden_act: "xielu" }, /hidden_act "xielu" is not known/],
    [{ rms_norm_eps: 0 }, /rms_norm_eps is 0, not above 0/],
    [{ head_dim: 3 }, /leaves no pairs to rotate/],
    [{ rope_scaling: { rope_type: "spiral", factor: 2 } }, /rope_type "spiral" is not known/],
    [{ rope_scaling: { type: "linear" } }, /factor is missing/],
    [{ rope_scaling: { type: "longrope", short_factor: [1, 2], long_factor: [1, 2] } }, /short_factor holds 2 numbers/],
    [{ rope_scaling: "linear" }, /rope_scaling is "linear", not an object/],
  ])("refuses settings that cannot be: %j", (config, message) => {
    const error = failure(config);
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toMatch(message);
    expect(error.message).toContain("config.json");
  });

  it("refuses models that see the tokens after one", () => {
    expect(failure({ model_type: "gemma", use_bidirectional_attention: true }).message).toMatch(/bidirectional/);
  });
});
