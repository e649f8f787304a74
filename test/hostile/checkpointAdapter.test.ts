// Adapters made to harm.

import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { openAdapter } from "../../lib/checkpoint/adapter.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import { failure, safetensors, type TensorSpec, workspace } from "../unit/checkpoint/fixtures.js";

const addon = loadAddon();
const work = workspace();
const name = "a".repeat(60);
const base = await openCheckpoint(work.model("base", { [`${name}.weight`]: { shape: [4, 4] } }), { addon });
const factors: Record<string, TensorSpec> = {
  [`base_model.model.${name}.lora_A.weight`]: { shape: [2, 4] },
  [`base_model.model.${name}.lora_B.weight`]: { shape: [4, 2] },
};

describe("a hostile adapter", () => {
  it("cannot stall the process with a regular expression", async () => {
    const folder = work.adapter("regex", factors, { alpha_pattern: { "(a+)+b": 1 } });
    const error = await failure(openAdapter(folder, base, { addon }));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("alpha_pattern: its regular expressions take more than");
  });

  it("gets an error for text that is no regular expression", async () => {
    const folder = work.adapter("noregex", factors, { rank_pattern: { "q_proj(": 1 } });
    expect((await failure(openAdapter(folder, base, { addon }))).message).toContain(
      '"q_proj(" is not a regular expression',
    );
  });

  it("cannot read files outside its folder", async () => {
    work.write("secret.safetensors", safetensors(factors));
    const folder = work.path("links");
    work.write("links/adapter_config.json", { peft_type: "LORA", r: 2 });
    symlinkSync("../secret.safetensors", work.path("links/adapter_model.safetensors"));
    expect((await failure(openAdapter(folder, base, { addon }))).message).toContain("leads out of the model's folder");
  });

  it("is not waited for when its weights are a FIFO", async () => {
    work.write("fifo/adapter_config.json", { peft_type: "LORA", r: 2 });
    execFileSync("mkfifo", [work.path("fifo/adapter_model.safetensors")]);
    expect((await failure(openAdapter(work.path("fifo"), base, { addon }))).message).toContain("a FIFO");
  });

  it("cannot hide tensors behind names of prototypes", async () => {
    const folder = work.adapter(
      "proto",
      { ...factors, "base_model.model.constructor.weight": { shape: [1] } },
      {
        modules_to_save: ["__proto__"],
      },
    );
    const error = await failure(openAdapter(folder, base, { addon }));
    expect(error.message).toContain("constructor.weight");
  });

  it("of a hundred thousand unknown modules gets one readable error", async () => {
    const many: Record<string, TensorSpec> = {};
    for (let i = 0; i < 100_000; i++) many[`base_model.model.layers.${i}.x.weight`] = { shape: [0] };
    const error = await failure(openAdapter(work.adapter("many", many), base, { addon }));
    expect(error.code).toBe("INCOMPATIBLE");
    expect(error.message.split("\n")).toHaveLength(202);
  });
});
