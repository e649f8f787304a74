// Models whose weights are decoded: once and held, or each time they are needed, with the same logits to the bit.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { isHeld } from "../../../lib/generate/worker/isHeld.js";
import { convert } from "../../../lib/merge/convert.js";
import { long } from "../../long.js";

const root = join(import.meta.dirname, "../../..");
const demo = join(root, "demo/model");
const folder = mkdtempSync(join(tmpdir(), "retemper-decoded-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TYPES = ["q4_k_m", "q8_0", "f16"] as const;
const file = (type: string) => join(folder, type, `model-${type.toUpperCase()}.gguf`);
beforeAll(async () => {
  if (!long) return;
  for (const type of TYPES) await convert(demo, join(folder, type), { format: "gguf", quantise: type });
});

async function seen(source: string, options: ModelOptions = {}) {
  const model = await openModel(source, options);
  const hows = new Set(model.describe().tensors.map(({ how }) => how));
  const logits = await model.logits([
    [1, 2, 3, 400, 5],
    [700, 8],
  ]);
  await model.close();
  return { held: hows.has("held"), logits };
}

describe("a model whose weights are decoded", () => {
  it.runIf(long).each(TYPES)("is decoded once where memory has room, and answers the same: %s", async (type) => {
    const [byDefault, decoded] = [await seen(file(type)), await seen(file(type), { hold: false })];
    expect([byDefault.held, decoded.held]).toEqual([true, false]);
    expect(byDefault.logits).toEqual(decoded.logits);
  });

  it("is decoded each time where it would take more than half of the memory, unless it is told otherwise", () => {
    const byRoom = { options: {}, holdsWithRoom: true };
    expect([isHeld(byRoom, 50, 100), isHeld(byRoom, 51, 100)]).toEqual([true, false]);
    expect([isHeld({ ...byRoom, options: { hold: true } }, 99, 100), isHeld({ options: {} }, 1, 100)]).toEqual([
      true,
      false,
    ]);
    expect(isHeld({ options: { hold: false } }, 1, 100)).toBe(false);
  });

  it.runIf(long)("is refused where it is to be decoded once and does not fit", async () => {
    const tooLittle = seen(file("q4_k_m"), { maxMemory: 3e6, hold: true }); // 3.8 MB of float32
    await expect(tooLittle).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
  });

  it("is so only where its weights are coded: hold is refused for a plain model", async () => {
    await expect(openModel(demo, { hold: true })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(/hold is of recipes and of models that are decoded/),
    });
  });
});
