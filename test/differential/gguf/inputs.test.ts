// GGUF files of each type as models: llama.cpp's quantiser makes the file, and what we answer with it is what llama.cpp
// answers with the numbers that are left in it, which are those that PyPI's gguf finds.

import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import { convert } from "../../../lib/merge/convert.js";
import { merge } from "../../../lib/merge/merge.js";
import { openOn } from "../../golden/generate/engines.js";
import { modelFolder, promptsOf } from "../../golden/generate/modelFolders.js";
import { allLogits, wholePrompts } from "../../golden/generate/steps.js";
import { long } from "../../long.js";
import { runPython, whyNoPython } from "../../peers.js";
import { readGguf } from "../../unit/merge/readGguf.js";
import { askLlama, type LlamaAnswer, logitsOf, spreadApart, whyNoLlama } from "./llamaPeer.js";
import { writeWideModel } from "./wideModel.js";

const missing = long ? (whyNoPython("numpy") ?? whyNoLlama()) : "in the long form";
const folder = mkdtempSync(join(tmpdir(), "retemper-llama-inputs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** llama_ftype, and ggml's numbers of the types of matrices that such a file has. */
const TYPES: readonly (readonly [string, number, readonly number[]])[] = [
  ["F32", 0, [0]],
  ["F16", 1, [1]],
  ["BF16", 32, [30]],
  ["Q8_0", 7, [8]],
  ["Q4_0", 2, [2, 14]],
  ["Q4_1", 3, [3, 14]],
  ["Q5_0", 8, [6, 14]],
  ["Q5_1", 9, [7, 14]],
  ["Q4_K", 15, [12, 14]],
  ["Q5_K", 17, [13, 14]],
  ["Q6_K", 18, [14]],
];
/** llama.cpp computes F32 in another order; with blocks, and with 16 bits, it rounds activations too. */
const SAME_NUMBERS = 0.005;
const SAME_FILE = 0.05;
const NEW = 32;

describe.skipIf(missing)(`GGUF files of llama.cpp's quantiser${missing ? ` (${missing})` : ""}`, () => {
  const prompts = promptsOf("llama");
  const answers = new Map<string, readonly LlamaAnswer[]>();
  const file = (name: string) => join(folder, `${name}.gguf`);
  const decoded = (name: string) => join(folder, `${name}-decoded`);

  beforeAll(async () => {
    const wide = modelFolder("llama", { without: ["model.safetensors"] });
    writeWideModel(wide, 1);
    const whole = join(folder, "whole");
    await convert(wide, whole, { format: "gguf", quantise: "f32" });
    askLlama(TYPES.map(([name, type]) => ({ quantise: join(whole, "model-F32.gguf"), to: file(name), type })));
    const requests: object[] = [];
    for (const [name] of TYPES) {
      await merge({ merge_method: "passthrough", models: [{ model: file(name) }] }, decoded(name));
      await convert(decoded(name), `${decoded(name)}-gguf`, { format: "gguf", quantise: "f32" });
      requests.push({ model: file(name), prompts });
      requests.push({ model: join(`${decoded(name)}-gguf`, "model-F32.gguf"), prompts, new: NEW });
    }
    const given = askLlama(requests);
    for (const [at, [name]] of TYPES.entries()) answers.set(name, given.slice(2 * at, 2 * at + 2));
  });

  it.each(TYPES)("%s: logits and greedy tokens are llama.cpp's", async (name, _, types) => {
    const stored = [...readGguf(file(name)).tensors].filter(([tensor]) => !tensor.includes("norm"));
    expect([...new Set(stored.map(([, { type }]) => type))].sort((a, b) => a - b)).toEqual(types);
    const [same, numbers] = answers.get(name) ?? [];
    const decoder = await openOn("native", decoded(name));
    const cache = decoder.createCache({ slots: prompts.length, tokens: prompts.flat().length });
    wholePrompts(prompts).forEach((piece, at) => {
      const ours = allLogits(decoder, cache, [piece]);
      expect(spreadApart(ours, logitsOf(numbers, at))).toBeLessThan(SAME_NUMBERS);
      expect(spreadApart(ours, logitsOf(same, at))).toBeLessThan(SAME_FILE);
    });
    cache.dispose();
    decoder.dispose();
    // The file itself as a model, which is decoded as it is run. Near ties fall either way.
    const model = await openModel(file(name));
    const ours: (readonly number[])[] = [];
    for await (const { index, ids } of model.generate(prompts, { maxNewTokens: NEW, ignoreEos: true }))
      ours[index] = ids;
    await model.close();
    const alike = ours.filter((ids, at) => ids.every((id, step) => id === numbers?.prompts?.[at]?.greedy[step]));
    expect(alike.length).toBeGreaterThanOrEqual(prompts.length - 1);
  });

  const noGguf = whyNoPython("gguf");
  it.skipIf(noGguf)(`have the numbers that PyPI's gguf makes of them${noGguf ? ` (${noGguf})` : ""}`, () => {
    const files = TYPES.map(([name]) => file(name));
    const told = runPython(join(import.meta.dirname, "pypi.py"), files)
      .trim()
      .split("\n");
    for (const [at, [name]] of TYPES.entries()) {
      const ours = readGguf(join(`${decoded(name)}-gguf`, "model-F32.gguf"));
      const digests = [...ours.tensors.keys()].map((tensor) => {
        return [
          tensor,
          createHash("sha256")
            .update(new Uint8Array(ours.floats(tensor).buffer))
            .digest("hex"),
        ];
      });
      expect(Object.fromEntries(digests), name).toEqual(JSON.parse(told[at] as string));
    }
  });
});
