// Which groups the models of an experiment have: what is in no layer has its own where a tuning reaches it.

import { describe, expect, it } from "vitest";
import { modelGroups } from "../../../lib/search/modelGroups.js";
import { type TensorSpec, workspace } from "../checkpoint/fixtures.js";

const work = workspace();
const aligned = work.model("aligned", {
  "model.embed_tokens.weight": { shape: [10, 4] },
  ...Object.fromEntries(
    [0, 1].flatMap((at) => [
      [`model.layers.${at}.input_layernorm.weight`, { shape: [4] }],
      [`model.layers.${at}.self_attn.q_proj.weight`, { shape: [6, 4] }],
    ]),
  ),
  "model.norm.weight": { shape: [4] },
});
const module = "base_model.model.model.layers.1.self_attn.q_proj";
const factors = { [`${module}.lora_A.weight`]: { shape: [2, 4] }, [`${module}.lora_B.weight`]: { shape: [6, 2] } };
const tuned = (name: string, more: Record<string, TensorSpec> = {}, config: object = {}) =>
  `${aligned}+${work.adapter(name, { ...factors, ...more }, config)}`;
const head = tuned("head", { "base_model.model.lm_head.weight": { shape: [10, 4] } }, { modules_to_save: ["lm_head"] });
const norm = tuned(
  "norm",
  { "base_model.model.model.layers.0.input_layernorm.weight": { shape: [4] } },
  { modules_to_save: ["input_layernorm"] },
);
const plain = tuned("plain");
const names = async (models: readonly string[], by: "layers" | "tensors" = "layers") =>
  (await modelGroups(aligned, models, { by, layers: 2 })).map(({ name }) => name);

describe("the groups of an experiment's models", () => {
  it("have one for all else where an adapter reaches a tensor without a layer, and none where it does not", async () => {
    expect(await names([plain])).toEqual(["layer 0", "layer 1"]);
    expect(await names([head])).toEqual(["layer 0", "layer 1", "all else"]);
    expect(await names([plain, head])).toEqual(["layer 0", "layer 1", "all else"]);
    expect(await names([plain, aligned])).toEqual(["layer 0", "layer 1", "all else"]); // a whole model
  });

  it("have one for vectors of layers that no matrix's group holds", async () => {
    expect(await names([norm])).toEqual(["layer 0", "layer 1"]);
    expect(await names([norm], "tensors")).toContain("all else");
    expect(await names([plain], "tensors")).not.toContain("all else");
  });
});
