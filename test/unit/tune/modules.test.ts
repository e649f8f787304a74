import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { decoderSpec } from "../../../lib/nn/families/decoderSpec.js";
import { linearModules, selectModules } from "../../../lib/tune/adapter/modules.js";

const MODELS = new URL("../../golden/models/", import.meta.url).pathname;

async function modulesOf(model: string) {
  const checkpoint = await openCheckpoint(join(MODELS, model), { addon: loadAddon() });
  return linearModules(decoderSpec(checkpoint, []));
}

describe("the modules that get a low-rank term", () => {
  it("are all linear layers but the head", async () => {
    const { modules, targetModules } = selectModules(await modulesOf("llama"), "all-linear");
    expect(modules.length).toBe(14);
    expect(targetModules).toEqual(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]);
    expect(modules[0]).toMatchObject({ name: "model.layers.0.self_attn.q_proj", in: 64, out: 64, layer: 0 });
  });

  it("are fused matrices where the model has them, under the names that PEFT knows", async () => {
    const phi = selectModules(await modulesOf("phi3"), "all-linear");
    expect(phi.targetModules).toEqual(["down_proj", "gate_up_proj", "o_proj", "qkv_proj"]);
    const gpt2 = await modulesOf("gpt2");
    expect(gpt2.map(({ name }) => name)).toContain("transformer.h.1.attn.c_attn");
  });

  it("are found by name, end of name and regular expression", async () => {
    const all = await modulesOf("llama");
    const names = (targets: string | string[]) => selectModules(all, targets).modules.map(({ name }) => name);
    expect(names(["q_proj", "v_proj"]).length).toBe(4);
    expect(names("q_proj").length).toBe(2);
    expect(names(["layers.1.mlp.up_proj"])).toEqual(["model.layers.1.mlp.up_proj"]);
    expect(names(".*layers\\.0\\.(self_attn\\.q|mlp\\.up)_proj").length).toBe(2);
  });

  it("that do not exist are refused with the nearest names", async () => {
    const all = await modulesOf("llama");
    expect(() => selectModules(all, ["q_prj"])).toThrow(/q_prj \(nearest: q_proj\)/);
    expect(() => selectModules(all, "(q")).toThrow(/no regular expression/);
    expect(() => selectModules(all, "q_.*")).toThrow(/matches no linear layer/);
  });
});
