// The types of a GGUF file's tensors, by the rules of llama-quantize.

import { describe, expect, it } from "vitest";
import { type GgufQuantisation, ggufQuantisation, ggufType } from "../../../../lib/plan/gguf/quantise.js";

const model = { architecture: "llama", layers: 32, hasHead: true };
const type = (name: string, quantise: GgufQuantisation, shape = [4096, 4096], facts = model) =>
  ggufType(name, shape, quantise, facts);

describe("the type of a tensor in a GGUF file", () => {
  it("is float32 for vectors, norms and learned positions, whatever is asked", () => {
    expect(type("blk.0.attn_norm.weight", "q4_k_m", [4096])).toBe("F32");
    expect(type("blk.0.attn_q.bias", "q8_0", [4096])).toBe("F32");
    expect(type("position_embd.weight", "f16", [1024, 768])).toBe("F32");
  });

  it("is one for all matrices where whole numbers of bits are asked", () => {
    for (const [quantise, expected] of [
      ["f32", "F32"],
      ["f16", "F16"],
      ["bf16", "BF16"],
      ["q8_0", "Q8_0"],
    ] as const) {
      for (const name of ["output.weight", "token_embd.weight", "blk.3.ffn_down.weight"]) {
        expect(type(name, quantise)).toBe(expected);
      }
    }
  });

  it("gives the head six bits, which is the embedding where there is no other", () => {
    expect(type("output.weight", "q4_0")).toBe("Q6_K");
    expect(type("token_embd.weight", "q4_0")).toBe("Q4_0");
    expect(type("token_embd.weight", "q4_k_m", [4096, 4096], { ...model, hasHead: false })).toBe("Q6_K");
  });

  it("gives values and down projections more bits in the first and last eighth and every third layer", () => {
    const wider = Array.from({ length: 32 }, (_, layer) => layer).filter(
      (layer) => type(`blk.${layer}.ffn_down.weight`, "q4_k_m") === "Q6_K",
    );
    expect(wider).toEqual([0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]);
    expect(type("blk.6.attn_v.weight", "q5_k_m")).toBe("Q6_K");
    expect(type("blk.7.attn_v.weight", "q5_k_m")).toBe("Q5_K");
    expect(type("blk.0.attn_k.weight", "q4_k_m")).toBe("Q4_K");
  });

  it("takes another format where a row is of no whole blocks", () => {
    expect(type("blk.0.attn_q.weight", "q4_k_m", [576, 576])).toBe("Q5_0");
    expect(type("blk.0.attn_q.weight", "q5_k_m", [576, 576])).toBe("Q5_1");
    expect(type("output.weight", "q4_k_m", [49152, 576])).toBe("Q8_0");
    expect(type("blk.0.attn_q.weight", "q8_0", [60, 60])).toBe("F16");
  });
});

describe("a quantisation's name", () => {
  it("is taken in any case", () => expect(ggufQuantisation("Q4_K_M")).toBe("q4_k_m"));
  it("is refused where it is none, and all are named", () => {
    expect(() => ggufQuantisation("q3_k_m")).toThrow(
      expect.objectContaining({ code: "USAGE", hint: expect.stringContaining("q4_k_m") }),
    );
  });
});
