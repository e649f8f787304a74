// The small files of a model, an adapter and a tokenizer, mutated at random by a seed: whatever reads them goes on, or ends
// with one of our errors; nothing hangs, and no message is a wall of text. More seeds: RETEMPER_MUTATIONS=1000.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import { RetemperError } from "../../lib/errors.js";
import { inspect } from "../../lib/merge/inspect.js";
import { plan } from "../../lib/merge/plan.js";
import { decoderSpec } from "../../lib/nn/families/decoderSpec.js";
import { stopTokensOf } from "../../lib/nn/families/stopTokens.js";
import { openTokenizer } from "../../lib/tokenizer/openTokenizer.js";
import { long } from "../long.js";
import { generator, mutateJson } from "./mutations.js";

const SEEDS = Number(process.env.RETEMPER_MUTATIONS ?? (long ? 25 : 8));
const demo = new URL("../../demo/", import.meta.url).pathname;
const addon = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "retemper-mutated-"));
const [model, adapter] = [join(folder, "model"), join(folder, "adapter")];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(demo, "model"), model, { recursive: true });
  cpSync(join(demo, "adapters/seed-42"), adapter, { recursive: true });
  const pad = { content: "<|endoftext|>", lstrip: false };
  writeFileSync(join(model, "special_tokens_map.json"), JSON.stringify({ eos_token: "<|im_end|>", pad_token: pad }));
});

/** Makes the model one of shards, with an index. */
function shard(): void {
  const single = join(model, "model.safetensors");
  const { names } = addon.readHeader(single);
  cpSync(single, join(model, "a.safetensors"));
  rmSync(single);
  const index = {
    metadata: { total_size: 1 },
    weight_map: Object.fromEntries(names.map((name) => [name, "a.safetensors"])),
  };
  writeFileSync(join(model, "model.safetensors.index.json"), JSON.stringify(index));
}

const weighed = (...references: string[]) => references.map((one) => ({ model: one, parameters: { weight: 1 } }));
const slice = (from: number, to: number) => ({ sources: [{ model, layer_range: [from, to] as [number, number] }] });

/** Everything that reads these files. */
const READERS: Readonly<Record<string, () => Promise<unknown>>> = {
  inspect: () => inspect(model),
  inspectAdapter: () => inspect(adapter),
  inspectBoth: () => inspect(`${model}+${adapter}`),
  plan: () => plan({ merge_method: "linear", models: weighed(model, `${model}+${adapter}`) }),
  planUnion: () =>
    plan({ merge_method: "linear", tokenizer_source: "union", models: weighed(model, join(demo, "model")) }),
  planSlices: () => plan({ merge_method: "passthrough", slices: [slice(0, 2), slice(1, 4)] }),
  async run() {
    const checkpoint = await openCheckpoint(model, { addon });
    return decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  },
  async speak() {
    const tokenizer = await openTokenizer(model);
    const ids = tokenizer.encode("Hello <|im_end|> chest \u00e9 \u{1f600}");
    const stream = tokenizer.decodeStream();
    for (const id of ids) stream.push(id);
    if (tokenizer.hasChatTemplate) {
      tokenizer.applyChatTemplate([{ role: "user", content: "hi" }], { addGenerationPrompt: true });
    }
    return tokenizer.decode([5, 6, 7, 1279], { skipSpecialTokens: true });
  },
};

describe("mutated at random", () => {
  it.each([
    "model/config.json",
    "model/generation_config.json",
    "model/tokenizer.json",
    "model/tokenizer_config.json",
    "model/special_tokens_map.json",
    "model/model.safetensors.index.json",
    "adapter/adapter_config.json",
  ])("%s is read or refused by everything that reads it, and nothing else", async (name) => {
    if (name.endsWith(".index.json")) shard();
    const path = join(folder, name);
    const whole = readFileSync(path, "utf8");
    const outcomes = { read: 0, refused: 0 };
    for (let seed = 0; seed < SEEDS; seed++) {
      writeFileSync(path, mutateJson(whole, generator(seed)));
      for (const [what, attempt] of Object.entries(READERS)) {
        const error: unknown = await attempt().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) {
          outcomes.read += 1;
          continue;
        }
        outcomes.refused += 1;
        expect(error, `seed ${seed}, ${what}: ${(error as Error).stack}`).toBeInstanceOf(RetemperError);
        expect((error as RetemperError).code, `seed ${seed}, ${what}: ${(error as Error).stack}`).toMatch(
          /^(BAD_INPUT|INCOMPATIBLE|OUT_OF_MEMORY)$/,
        );
        expect((error as Error).message.length).toBeLessThan(20_000);
      }
    }
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});
