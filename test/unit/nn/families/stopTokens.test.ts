import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../../lib/checkpoint/types.js";
import { stopTokensOf } from "../../../../lib/nn/families/stopTokens.js";
import { failure, workspace } from "../../checkpoint/fixtures.js";

const work = workspace();

function checkpoint(name: string, config: object, generation?: object): Checkpoint {
  work.write(`${name}/config.json`, config);
  if (generation) work.write(`${name}/generation_config.json`, generation);
  const folder = work.path(name);
  return { reference: name, folder, files: [], tensors: new Map(), config: config as Record<string, unknown> };
}

describe("stopTokensOf", () => {
  it("takes generation_config.json first, a number or a list", async () => {
    expect(await stopTokensOf(checkpoint("list", { eos_token_id: 1 }, { eos_token_id: [2, 3] }))).toEqual([2, 3]);
    expect(await stopTokensOf(checkpoint("number", { eos_token_id: 1 }, { eos_token_id: 0 }))).toEqual([0]);
  });

  it("falls back to config.json, and to the language model's part of it", async () => {
    expect(await stopTokensOf(checkpoint("null", { eos_token_id: 7 }, { eos_token_id: null }))).toEqual([7]);
    expect(await stopTokensOf(checkpoint("nested", { text_config: { eos_token_id: [5] } }))).toEqual([5]);
    expect(await stopTokensOf(checkpoint("none", {}))).toEqual([]);
  });

  it("refuses what is no token id", async () => {
    const error = await failure(stopTokensOf(checkpoint("bad", {}, { eos_token_id: "</s>" })));
    expect(error).toMatchObject({ code: "BAD_INPUT" });
    expect(error.message).toContain("generation_config.json");
  });
});
