import { describe, expect, it } from "vitest";
import { modulesOf, moduleTest } from "../../../lib/checkpoint/modules.js";

/** Three layouts that published vision-language models have. */
const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  nested: [
    "language_model.model.layers.0.mlp.up_proj.weight",
    "language_model.lm_head.weight",
    "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
    "multi_modal_projector.linear_1.weight",
  ],
  renamed: [
    "model.language_model.layers.0.mlp.up_proj.weight",
    "lm_head.weight",
    "model.vision_tower.encoder.layers.0.mlp.fc1.weight",
    "model.multi_modal_projector.linear_1.weight",
  ],
  qwen: [
    "model.layers.0.mlp.up_proj.weight",
    "lm_head.weight",
    "visual.blocks.0.mlp.fc1.weight",
    "visual.merger.mlp.0.weight",
  ],
};

describe("moduleTest", () => {
  it.each(Object.entries(LAYOUTS))("finds the usual modules in the %s layout", (_, names) => {
    const members = (module: string) => names.filter(moduleTest(module, names) ?? (() => false));
    expect(members("text_decoder")).toEqual([names[0], names[1]]);
    expect(members("vision_tower")).toEqual([names[2]]);
    expect(members("multi_modal_projector")).toEqual([names[3]]);
    expect(members("vision_model")).toEqual([names[2]]);
    expect(modulesOf(names)).toEqual(["multi_modal_projector", "text_decoder", "vision_tower"]);
  });

  it("takes any prefix of the checkpoint's own names", () => {
    const names = ["branch.left.weight", "branch.right.weight", "branches.weight"];
    for (const name of ["branch", "branch."])
      expect(names.filter(moduleTest(name, names) ?? (() => false))).toHaveLength(2);
    expect(moduleTest("branch.left", names)?.("branch.left.weight")).toBe(true);
  });

  it.each(["text_decoder", "default"])("takes a model of one module as its %s", (name) => {
    const names = ["model.layers.0.mlp.up_proj.weight", "lm_head.weight"];
    expect(names.filter(moduleTest(name, names) ?? (() => false))).toEqual(names);
  });

  it("tells encoder and decoder apart", () => {
    const names = ["encoder.block.0.q.weight", "decoder.block.0.q.weight", "shared.weight"];
    expect(names.filter(moduleTest("decoder", names) ?? (() => false))).toEqual([names[1]]);
    expect(names.filter(moduleTest("shared", names) ?? (() => false))).toEqual([names[2]]);
  });

  it("has no test for a module that the checkpoint lacks", () => {
    expect(moduleTest("vision_tower", ["model.layers.0.weight"])).toBeUndefined();
    expect(moduleTest("constructor", ["model.layers.0.weight"])).toBeUndefined();
  });
});
