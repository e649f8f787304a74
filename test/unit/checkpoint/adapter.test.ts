import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openAdapter } from "../../../lib/checkpoint/adapter.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { failure, safetensors, type TensorSpec, workspace } from "./fixtures.js";

const addon = loadAddon();
const work = workspace();
const P = "base_model.model.model.layers.0";
const Q = "model.layers.0.q_proj";

const base = await openCheckpoint(
  work.model("base", {
    "model.embed_tokens.weight": { shape: [10, 4] },
    [`${Q}.weight`]: { shape: [6, 4] },
    [`${Q}.bias`]: { shape: [6] },
    "model.layers.0.k_proj.weight": { shape: [4, 4] },
    "model.layers.10.q_proj.weight": { shape: [6, 4] },
    "lm_head.weight": { shape: [10, 4] },
  }),
  { addon },
);
const factors = (module = `${P}.q_proj`, [rank, out, inputs] = [2, 6, 4]): Record<string, TensorSpec> => ({
  [`${module}.lora_A.weight`]: { shape: [rank as number, inputs as number] },
  [`${module}.lora_B.weight`]: { shape: [out as number, rank as number] },
});
let count = 0;
const open = (tensors: Record<string, TensorSpec>, config: object = {}) =>
  openAdapter(work.adapter(`adapter-${count++}`, tensors, config), base, { addon });
const termOf = async (tensors: Record<string, TensorSpec>, config: object = {}, name = `${Q}.weight`) => {
  const effect = (await open(tensors, config)).effects.get(name);
  if (effect?.kind !== "lowRank") throw new Error(`no low-rank term for ${name}`);
  return effect.term;
};

describe("the scale of an adapter", () => {
  it("is alpha/r, and alpha/sqrt(r) for rsLoRA", async () => {
    expect((await termOf(factors(), { lora_alpha: 3 })).scale).toBe(1.5);
    expect((await termOf(factors(), { lora_alpha: 3, use_rslora: true })).scale).toBe(3 / Math.sqrt(2));
  });

  it("defaults to PEFT's own r and alpha of 8", async () => {
    const folder = work.path("plain");
    work.write("plain/adapter_config.json", { peft_type: "LORA" });
    work.write("plain/adapter_model.safetensors", safetensors(factors(undefined, [8, 6, 4])));
    const effect = (await openAdapter(folder, base, { addon })).effects.get(`${Q}.weight`);
    expect(effect).toMatchObject({ kind: "lowRank", term: { rank: 8, scale: 1 } });
  });

  it("follows the first pattern that matches the end of the module's name", async () => {
    const scale = async (pattern: object) => (await termOf(factors(), { lora_alpha: 2, alpha_pattern: pattern })).scale;
    expect(await scale({ q_proj: 8 })).toBe(4);
    expect(await scale({ "layers.0.q_proj": 8, q_proj: 6 })).toBe(4);
    expect(await scale({ "layers\\.\\d+\\.[qk]_proj": 8 })).toBe(4);
    expect(await scale({ "(?P<layer>layers).0.q_proj": 8 })).toBe(4);
    expect(await scale({ "proj|k_proj": 8, proj: 6, "ayers.0.q_proj": 4, q: 2 })).toBe(1);
  });
});

describe("the keys of an adapter", () => {
  it("may carry the adapter's name, as other savers write them", async () => {
    const term = await termOf({
      [`${P}.q_proj.lora_A.default.weight`]: { shape: [2, 4] },
      [`${P}.q_proj.lora_B.default.weight`]: { shape: [6, 2] },
    });
    expect(term).toMatchObject({ rank: 2, leftTransposed: false, rightTransposed: false });
  });

  it.each([
    "lora_magnitude_vector",
    "lora_magnitude_vector.weight",
    "lora_magnitude_vector.default.weight",
    "lora_magnitude_vector.default",
  ])("may spell DoRA's magnitude %s", async (key) => {
    const term = await termOf({ ...factors(), [`${P}.q_proj.${key}`]: { shape: [6] } }, { use_dora: true });
    expect(term.dora).toMatchObject({ axis: 1, magnitude: { shape: [6] } });
  });

  it.each(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])(
    "may have the names of torch's wrappers in them: %s",
    async (wrapper) => {
      const module = `base_model.model.${wrapper}.model.layers.0.${wrapper}.q_proj`;
      expect(await termOf(factors(module))).toMatchObject({ rank: 2, scale: 2 });
    },
  );

  it("may lie in shards, which must be those of the index", async () => {
    const map: Record<string, string> = {};
    const parts = Object.entries({ ...factors(), ...factors(`${P}.k_proj`, [2, 4, 4]) });
    for (const [at, [name, tensor]] of parts.entries()) {
      map[name] = `adapter_model-0000${at + 1}-of-00004.safetensors`;
      work.write(`shards/${map[name]}`, safetensors({ [name]: tensor }));
    }
    work.write("shards/adapter_config.json", { peft_type: "LORA", r: 2, lora_alpha: 8 });
    work.write("shards/adapter_model.safetensors.index.json", { metadata: {}, weight_map: map });
    const adapter = await openAdapter(work.path("shards"), base, { addon });
    expect(adapter.files).toHaveLength(4);
    expect([...adapter.effects.keys()].sort()).toEqual(["model.layers.0.k_proj.weight", `${Q}.weight`]);
    for (const effect of adapter.effects.values()) {
      if (effect.kind !== "lowRank") throw new Error("no low-rank term");
      const { left, right } = effect.term;
      for (const { file, name } of [left, right]) expect(adapter.files[file]?.path).toContain(map[name]);
    }
    work.write("shards/adapter_model.safetensors.index.json", {
      metadata: {},
      weight_map: { ...map, more: map[parts[0]?.[0] ?? ""] },
    });
    expect(await failure(openAdapter(work.path("shards"), base, { addon }))).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringMatching(/index and its shards do not match/),
    });
  });

  it("may hold modules_to_save under their wrapper's name", async () => {
    const saved = { "base_model.model.lm_head.modules_to_save.default.weight": { shape: [10, 4] } };
    const original = { "base_model.model.lm_head.original_module.weight": { shape: [10, 4] } };
    const { effects, added } = await open({ ...factors(), ...saved, ...original });
    expect(effects.get("lm_head.weight")?.kind).toBe("replace");
    expect(added.size).toBe(0);
  });

  it("add what modules_to_save names and the base lacks", async () => {
    const { added } = await open(
      { "base_model.model.score.weight": { shape: [2, 4] } },
      { modules_to_save: ["score"] },
    );
    expect(added.get("score.weight")?.shape).toEqual([2, 4]);
  });

  it("find tensors whose published names lack the model's prefix", async () => {
    const published = await openCheckpoint(
      work.model("gpt2", { "h.0.attn.c_attn.weight": { shape: [4, 12] } }, { model_type: "gpt2" }),
      { addon },
    );
    const folder = work.adapter("gpt2-adapter", factors("base_model.model.transformer.h.0.attn.c_attn", [2, 12, 4]));
    const effect = (await openAdapter(folder, published, { addon })).effects.get("h.0.attn.c_attn.weight");
    expect(effect).toMatchObject({ kind: "lowRank", term: { leftTransposed: true, rightTransposed: true } });
  });

  it("find tensors that a later transformers renamed", async () => {
    const older = await openCheckpoint(
      work.model("vlm", { "language_model.model.layers.0.q_proj.weight": { shape: [6, 4] } }, { model_type: "llava" }),
      { addon },
    );
    const folder = work.adapter("vlm-adapter", factors("base_model.model.model.language_model.layers.0.q_proj"));
    const { effects } = await openAdapter(folder, older, { addon });
    expect([...effects.keys()]).toEqual(["language_model.model.layers.0.q_proj.weight"]);
  });

  it("that match nothing are listed at once, with the nearest names", async () => {
    const error = await failure(open({ ...factors(`${P}.q_prj`), ...factors("base_model.model.other") }));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message).toContain(`model.layers.0.q_prj.weight (nearest: ${Q}.weight)`);
    expect(error.message).toContain("other.weight (nearest: ");
  });

  it("of no LoRA adapter are refused, not left out", async () => {
    const error = await failure(
      open({
        ...factors(),
        [`${P}.q_proj.lora_diag`]: { shape: [2] },
        "model.layers.0.q_proj.weight": { shape: [6, 4] },
      }),
    );
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain(`${P}.q_proj.lora_diag`);
    expect(error.message).toContain("\n  model.layers.0.q_proj.weight");
  });
});

describe("fan_in_fan_out", () => {
  const square = factors(`${P}.k_proj`, [2, 4, 4]);
  const k = "model.layers.0.k_proj.weight";

  it("decides for a square weight when no other shape tells", async () => {
    expect(await termOf(square, {}, k)).toMatchObject({ leftTransposed: false, rightTransposed: false });
    expect(await termOf(square, { fan_in_fan_out: true }, k)).toMatchObject({
      leftTransposed: true,
      rightTransposed: true,
    });
  });

  it("is overruled by the shapes, as PEFT overrules it by the layer's class", async () => {
    const term = await termOf({ ...square, ...factors() }, { fan_in_fan_out: true }, k);
    expect(term).toMatchObject({ leftTransposed: false, rightTransposed: false });
  });
});

describe("an adapter that does not fit", () => {
  it("names both shapes, for every misfit at once", async () => {
    const error = await failure(open({ ...factors(`${P}.q_proj`, [2, 6, 5]), ...factors(`${P}.k_proj`, [2, 6, 4]) }));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message).toContain(`adapt a weight [6, 5], but ${Q}.weight of the base is [6, 4]`);
    expect(error.message).toContain("adapt a weight [6, 4], but model.layers.0.k_proj.weight of the base is [4, 4]");
  });

  it("is told that its vocabulary was resized", async () => {
    const saved = { "base_model.model.model.embed_tokens.weight": { shape: [12, 4] } };
    const error = await failure(open({ ...factors(), ...saved }));
    expect(error.message).toContain("[12, 4], model.embed_tokens.weight of the base is [10, 4]");
    expect(error.message).toContain("resized vocabulary");
  });

  it("is refused when its ranks are not those of its configuration", async () => {
    const error = await failure(open(factors(), { r: 4 }));
    expect(error.message).toContain("adapter_config.json gives them rank 4");
    expect((await failure(open(factors(), { rank_pattern: { q_proj: 3 } }))).message).toContain("rank 3");
  });

  it("is refused when the base has no bias for its lora_bias", async () => {
    const bias = { [`${P}.k_proj.lora_B.bias`]: { shape: [4] } };
    const error = await failure(open({ ...factors(`${P}.k_proj`, [2, 4, 4]), ...bias }, { lora_bias: true }));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message).toContain("has no bias in the base");
  });

  it("is refused when DoRA's magnitude has another length", async () => {
    const tensors = { ...factors(), [`${P}.q_proj.lora_magnitude_vector`]: { shape: [4] } };
    expect((await failure(open(tensors, { use_dora: true }))).message).toContain("must have 6 values");
  });

  it("is refused when it is a convolution whose B is no 1x1", async () => {
    const conv = await openCheckpoint(work.model("conv", { "c.weight": { shape: [4, 3, 3, 3] } }), { addon });
    const folder = work.adapter("conv-adapter", {
      "base_model.model.c.lora_A.weight": { shape: [2, 3, 3, 3] },
      "base_model.model.c.lora_B.weight": { shape: [4, 2, 3, 3] },
    });
    const error = await failure(openAdapter(folder, conv, { addon }));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message).toContain("a B of more than 1x1");
  });

  it("is refused when it adapts a tied embedding and its head", async () => {
    const tied = await openCheckpoint(
      work.model("tied", { "model.embed_tokens.weight": { shape: [10, 4] } }, { tie_word_embeddings: true }),
      { addon },
    );
    const folder = work.adapter("tied-adapter", {
      ...factors("base_model.model.lm_head", [2, 10, 4]),
      "base_model.model.model.embed_tokens.lora_embedding_A": { shape: [2, 10] },
      "base_model.model.model.embed_tokens.lora_embedding_B": { shape: [4, 2] },
    });
    const error = await failure(openAdapter(folder, tied, { addon }));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message).toContain("adapted twice");
  });
});

describe("a broken adapter", () => {
  it.each([
    ["a B without its A", { [`${P}.q_proj.lora_B.weight`]: { shape: [6, 2] } }, {}, "lora_B without its lora_A"],
    ["an A without its B", { [`${P}.q_proj.lora_A.weight`]: { shape: [2, 4] } }, {}, "no lora_B for its lora_A"],
    ["DoRA without a magnitude", factors(), { use_dora: true }, "there is no lora_magnitude_vector"],
    [
      "a magnitude without DoRA",
      { ...factors(), [`${P}.q_proj.lora_magnitude_vector`]: { shape: [6] } },
      {},
      "use_dora is false",
    ],
    [
      "a bias without lora_bias",
      { ...factors(), [`${P}.q_proj.lora_B.bias`]: { shape: [6] } },
      {},
      "lora_bias is false",
    ],
    [
      "integer factors",
      { [`${P}.q_proj.lora_A.weight`]: { shape: [2, 4], dtype: "I8" } },
      {},
      "is I8, not floating point",
    ],
    [
      "two adapters in one",
      { ...factors(), [`${P}.q_proj.lora_A.default.weight`]: { shape: [2, 4] } },
      {},
      "are the same factor",
    ],
  ] as const)("is refused for %s", async (_, tensors, config, text) => {
    const error = await failure(open(tensors, config));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain(text);
  });

  it("is refused when its pickle is none, or it is no adapter at all", async () => {
    work.write("pickled/adapter_config.json", { peft_type: "LORA", r: 2, lora_alpha: 4 });
    work.write("pickled/adapter_model.bin", "x");
    const pickled = await failure(openAdapter(work.path("pickled"), base, { addon }));
    expect(pickled.message).toContain("not a checkpoint of torch");
    const model = await failure(openAdapter(base.folder, base, { addon }));
    expect(model.message).toContain("no PEFT adapter");
  });
});

describe("adapter_config.json", () => {
  it.each([
    [{ peft_type: "LOHA" }, 'peft_type "LOHA"'],
    [{ peft_type: undefined }, "no peft_type"],
    [{ init_lora_weights: "pissa_niter_16" }, "PiSSA"],
    [{ init_lora_weights: "olora" }, "OLoRA"],
    [{ init_lora_weights: "corda" }, "CorDA"],
    [{ init_lora_weights: "loftq" }, "LoftQ"],
    [{ init_lora_weights: "lora_ga" }, "LoRA-GA"],
    [{ init_lora_weights: "novel" }, 'unknown init_lora_weights "novel"'],
    [{ alora_invocation_tokens: [1, 2] }, "aLoRA"],
    [{ use_qalora: true }, "QA-LoRA"],
    [{ use_bdlora: { nblocks: 2 } }, "BD-LoRA"],
    [{ kasa_config: { beta: 1 } }, "KaSA"],
    [{ arrow_config: { top_k: 3 } }, "Arrow"],
    [{ layer_replication: [[0, 2]] }, "layer_replication"],
    [{ target_parameters: "experts.gate_up_proj" }, "target_parameters must be a list of names"],
    [{ trainable_token_indices: [5] }, "trainable_token_indices"],
    [{ use_novelty: true }, "use_novelty (unknown)"],
    [{ novelty_config: { x: 1 } }, "novelty_config (unknown)"],
    [{ r: 0 }, "r must be a positive integer, not 0"],
    [{ lora_alpha: "16" }, 'lora_alpha must be a number, not "16"'],
    [{ use_dora: 1 }, "use_dora must be true or false"],
    [{ rank_pattern: [1] }, "rank_pattern must be an object"],
    [{ alpha_pattern: { q: null } }, "alpha_pattern.q must be a number"],
    [{ bias: "some" }, "bias must be none, all or lora_only"],
  ])("is refused for %j", async (config, text) => {
    const error = await failure(open(factors(), config));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain(text);
    expect(error.file).toContain("adapter_config.json");
  });

  it("may have every feature switched off, and keys of other tools", async () => {
    const off = {
      ...{
        alora_invocation_tokens: null,
        arrow_config: null,
        use_bdlora: null,
        use_qalora: false,
        layer_replication: [],
      },
      ...{
        loftq_config: {},
        eva_config: { rho: 2 },
        init_lora_weights: "eva",
        target_modules: ["q_proj"],
        made_by: "x",
      },
    };
    expect((await open(factors(), off)).effects.size).toBe(1);
  });
});
