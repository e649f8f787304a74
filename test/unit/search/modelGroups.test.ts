// Which groups the models of an experiment have: what is in no layer has its own where a tuning reaches it.

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { convert } from "../../../lib/merge/convert.js";
import { modelGroups } from "../../../lib/search/modelGroups.js";
import { openAdapterGradients } from "../../../lib/tune/coefficients/openAdapterGradients.js";
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

  it("are those of a GGUF file with quantised weights, by which no gradient is taken", async () => {
    const demo = join(import.meta.dirname, "..", "..", "..", "demo");
    const path = work.path("gguf");
    await convert(join(demo, "model"), path, { format: "gguf", quantise: "q8_0", writeModelCard: false });
    const lora = { path: join(demo, "adapters", "seed-42") };
    const groups = await modelGroups(path, [`${path}+${lora.path}`], { by: "layers", layers: 2 });
    expect(groups.map(({ name }) => name)).toEqual(["layers 0-1", "layers 2-3"]);
    const opened = openAdapterGradients({ text: "quantised", path, lora }, { addon: loadAddon() });
    await expect(opened).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("weights as plain numbers"),
    });
  });
});
