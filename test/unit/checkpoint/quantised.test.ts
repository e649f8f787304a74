import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { quantisation } from "../../../lib/checkpoint/quantised.js";
import { failure, type TensorSpec, workspace } from "./fixtures.js";

const addon = loadAddon();
const work = workspace();
const q = "model.layers.0.self_attn.q_proj";
const u8: TensorSpec = { shape: [4, 1], dtype: "U8" };
const f32: TensorSpec = { shape: [4] };
const i32: TensorSpec = { shape: [4], dtype: "I32" };

const CHECKPOINTS: readonly (readonly [string, Record<string, TensorSpec>, object, string, string?])[] = [
  ["FP8 weights", { [`${q}.weight`]: { shape: [4], dtype: "F8_E4M3" } }, {}, "FP8 (F8_E4M3)", `${q}.weight`],
  [
    "block scales",
    { [`${q}.weight`]: f32, [`${q}.weight_scale_inv`]: f32 },
    {},
    "block-wise FP8",
    `${q}.weight_scale_inv`,
  ],
  ["LLM.int8", { [`${q}.weight`]: u8, [`${q}.SCB`]: f32 }, {}, "bitsandbytes int8", `${q}.SCB`],
  [
    "GPTQ",
    { [`${q}.qweight`]: i32, [`${q}.qzeros`]: i32, [`${q}.scales`]: f32, [`${q}.g_idx`]: i32 },
    {},
    "GPTQ",
    `${q}.g_idx`,
  ],
  [
    "AWQ",
    { [`${q}.qweight`]: i32, [`${q}.qzeros`]: i32, [`${q}.scales`]: f32 },
    { quantization_config: { quant_method: "awq" } },
    "AWQ",
    `${q}.qweight`,
  ],
  [
    "MXFP4",
    { "m.experts.down_proj_blocks": u8, "m.experts.down_proj_scales": u8 },
    {},
    "MXFP4",
    "m.experts.down_proj_blocks",
  ],
  ["compressed-tensors", { [`${q}.weight_packed`]: i32 }, {}, "compressed-tensors", `${q}.weight_packed`],
  [
    "a configuration alone",
    { [`${q}.weight`]: f32 },
    { quantization_config: { quant_method: "bitsandbytes" } },
    "bitsandbytes (quantization_config",
  ],
];

describe("refuseQuantised", () => {
  it.each(CHECKPOINTS.map((row) => [row[0], row] as const))(
    "refuses %s by name",
    async (name, [, tensors, config, scheme, tensor]) => {
      const folder = work.model(name, tensors, config);
      const error = await failure(openCheckpoint(folder, { addon }));
      expect(error.code).toBe("BAD_INPUT");
      expect(error.message).toContain(`the model is quantised: ${scheme}`);
      if (tensor !== undefined) expect(error.tensor).toBe(tensor);
      expect(error.hint).toContain("unquantised original");
    },
  );

  it("lets plain models pass, whatever their tensors are called", () => {
    const names = [
      "model.blocks",
      "a.scales",
      "rotary.inv_freq",
      "vit_blocks",
      "model.layers.0.mlp.weight",
      "quant.embed",
    ];
    const tensors = new Map(names.map((name) => [name, { name, dtype: "F32" }]));
    expect(quantisation(tensors, { quantization_config: null })).toBeUndefined();
  });
});

describe("dtypes", () => {
  it("are refused by name when merging does not know them", async () => {
    const folder = work.model("complex", { "a.weight": { shape: [1], dtype: "C64", values: [1, 2] } });
    const error = await failure(openCheckpoint(folder, { addon }));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("C64");
  });
});
