import { symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { sidecars } from "../../../lib/checkpoint/sidecars.js";
import { configuredLayers, updatedConfig } from "../../../lib/checkpoint/updatedConfig.js";
import { failure, workspace } from "./fixtures.js";

const work = workspace();

describe("sidecars", () => {
  it("are the files that belong to a model's words, never weights, pickles or code", async () => {
    const copied = [
      ...["LICENSE", "NOTICE.txt", "added_tokens.json", "chat_template.jinja", "generation_config.json", "merges.txt"],
      ...[
        "preprocessor_config.json",
        "processor_config.json",
        "qwen.tiktoken",
        "special_tokens_map.json",
        "spiece.model",
      ],
      ...[
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer.model.v3",
        "tokenizer_config.json",
        "video_preprocessor_config.json",
      ],
      ...["vocab.json", "vocab.txt"],
    ];
    const left = [
      ...["model.safetensors", "model.safetensors.index.json", "config.json", "pytorch_model.bin", "optimizer.pt"],
      ...["tokenizer.bin", "modeling_x.py", "trainer_state.json", "README.md", "training_args.bin", "LICENSE.bin"],
    ];
    for (const name of [...copied, ...left]) work.write(`full/${name}`, "x");
    const found = await sidecars(work.path("full"));
    expect(found.map(({ name }) => name)).toEqual(copied);
    expect(found[0]).toEqual({ name: "LICENSE", kind: "licence", path: work.path("full/LICENSE") });
    const withCode = await sidecars(work.path("full"), { code: true });
    expect(withCode.map(({ name }) => name)).toContain("modeling_x.py");
  });

  it("include additional chat templates", async () => {
    work.write("templates/additional_chat_templates/tool_use.jinja", "x");
    work.write("templates/additional_chat_templates/evil.py", "x");
    const found = await sidecars(work.path("templates"));
    expect(found.map(({ name }) => name)).toEqual(["additional_chat_templates/tool_use.jinja"]);
  });

  it("never lead out of the folder", async () => {
    work.write("secret.txt", "secret");
    work.write("evil/config.json", "{}");
    symlinkSync(work.path("secret.txt"), work.path("evil/tokenizer.json"));
    const error = await failure(sidecars(work.path("evil")));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("leads out of the model's folder");
  });
});

describe("updatedConfig", () => {
  it("keeps unknown keys and the order of all", () => {
    const config = { zeta: { a: [1] }, torch_dtype: "float32", vocab_size: 10, num_hidden_layers: 2, alpha: null };
    const updated = updatedConfig(config, { dtype: "bfloat16", layers: 3, vocabSize: 12, tieWordEmbeddings: false });
    expect(JSON.stringify(updated)).toBe(
      '{"zeta":{"a":[1]},"torch_dtype":"bfloat16","vocab_size":12,"num_hidden_layers":3,"alpha":null,"tie_word_embeddings":false}',
    );
    expect(config.num_hidden_layers).toBe(2);
  });

  it("writes the dtype in the spelling that the original has, nested configurations included", () => {
    expect(updatedConfig({ dtype: "float32" }, { dtype: "float16" })).toEqual({ dtype: "float16" });
    expect(updatedConfig({}, { dtype: "float16" })).toEqual({ torch_dtype: "float16" });
    const nested = { dtype: "float32", text_config: { dtype: "float32" }, vision_config: { torch_dtype: "float32" } };
    expect(updatedConfig(nested, { dtype: "bfloat16" })).toEqual({
      dtype: "bfloat16",
      text_config: { dtype: "bfloat16" },
      vision_config: { torch_dtype: "bfloat16" },
    });
  });

  it("changes the language model's part of a nested configuration", () => {
    const nested = {
      vocab_size: 5,
      text_config: { num_hidden_layers: 2, vocab_size: 5 },
      vision_config: { num_hidden_layers: 9 },
    };
    expect(updatedConfig(nested, { layers: 4, vocabSize: 6, tieWordEmbeddings: true })).toEqual({
      vocab_size: 6,
      text_config: { num_hidden_layers: 4, vocab_size: 6, tie_word_embeddings: true },
      vision_config: { num_hidden_layers: 9 },
      tie_word_embeddings: true,
    });
  });

  it("carries arrays with one entry a layer along with the layers", () => {
    const config = {
      num_hidden_layers: 4,
      layer_types: ["sliding", "full", "sliding", "full"],
      eos_token_id: [1, 2, 3, 4],
      mlp_only_layers: [0, 3],
      architectures: ["X"],
    };
    expect(updatedConfig(config, { layers: [0, 3, 1, 3, 2] })).toEqual({
      num_hidden_layers: 5,
      layer_types: ["sliding", "full", "full", "full", "sliding"],
      eos_token_id: [1, 2, 3, 4],
      mlp_only_layers: [0, 1, 3],
      architectures: ["X"],
    });
    expect(updatedConfig(config, { layers: 2 }).layer_types).toEqual(["sliding", "full"]);
    expect(updatedConfig(config, { layers: 4 })).toEqual(config);
  });

  it("knows the older names of the number of layers", () => {
    expect(updatedConfig({ n_layer: 2 }, { layers: 3 })).toEqual({ n_layer: 3 });
    expect(configuredLayers({ text_config: { num_layers: 7 } })).toBe(7);
    expect(configuredLayers({})).toBeUndefined();
  });
});
