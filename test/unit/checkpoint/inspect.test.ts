import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { inspectModel } from "../../../lib/checkpoint/inspect.js";
import { workspace } from "./fixtures.js";

const addon = loadAddon();
const work = workspace();
const golden = (path: string) => fileURLToPath(new URL(`../../golden/${path}`, import.meta.url));

describe("inspectModel", () => {
  it("tells family, sizes, layers and vocabulary", async () => {
    const facts = await inspectModel(golden("models/llama"), { addon });
    expect(facts).toMatchObject({
      kind: "model",
      family: "LlamaForCausalLM (llama)",
      layers: 2,
      vocabulary: 459,
      hiddenSize: 64,
      tied: false,
      modules: ["text_decoder"],
    });
    expect(facts.bytes).toBe(facts.parameters * 2);
    expect(facts.dtypes).toEqual({
      BF16: { tensors: facts.tensors.length, parameters: facts.parameters, bytes: facts.bytes },
    });
    expect(facts.tensors.find(({ name }) => name === "lm_head.weight")).toEqual({
      name: "lm_head.weight",
      dtype: "BF16",
      shape: [459, 64],
      bytes: 459 * 64 * 2,
      file: "model.safetensors",
    });
    expect(facts.quantisation).toBeUndefined();
    expect(facts.notes).toEqual([]);
  });

  it("says what precision quantised weights lost", async () => {
    const notes = async (path: string) => (await inspectModel(golden(path), { addon })).notes;
    expect(await notes("quantised/awq")).toEqual([expect.stringMatching(/quantised before \(.*without the precision/)]);
    expect(await notes("quantised/bnb-int8")).toEqual([expect.stringMatching(/quantised before/)]);
  });

  it("describes an adapter over its base", async () => {
    const lora = { path: golden("lora/adapters/rslora_r8") };
    const facts = await inspectModel({ text: "x", path: golden("models/llama"), lora }, { addon });
    expect(facts.adapter).toMatchObject({
      rank: 8,
      rsLora: true,
      dora: false,
      effects: { lowRank: 14, replace: 0, add: 0 },
      added: [],
    });
  });

  it("describes an adapter by itself", async () => {
    const facts = await inspectModel(golden("lora/adapters/dora_r4"), { addon });
    expect(facts.kind).toBe("adapter");
    expect(facts.adapter).toMatchObject({ rank: 4, alpha: 8, dora: true, baseModel: "llama" });
  });

  it("describes a quantised model, which opening refuses", async () => {
    const folder = work.model("fp8", {
      "model.layers.0.q.weight": { shape: [4, 4], dtype: "F8_E4M3", values: [0, 0, 0, 0] },
    });
    const facts = await inspectModel(folder, { addon });
    expect(facts.quantisation).toBe("FP8 (F8_E4M3)");
    expect(facts.dtypes).toEqual({ F8_E4M3: { tensors: 1, parameters: 16, bytes: 16 } });
    expect(facts.notes).toEqual([
      expect.stringMatching(/can be neither merged nor run: .*the model is quantised: FP8 \(F8_E4M3\)/),
    ]);
  });
});
