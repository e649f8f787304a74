// GGUF files whose blocks are multiplied as they are stored: near the decoded weights, the same bits in any batch and on any
// number of threads, and in the memory of the file.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { ModelOptions } from "../../../lib/generate/types.js";
import { convert } from "../../../lib/merge/convert.js";
import type { GgufQuantisation } from "../../../lib/plan/gguf/quantise.js";
import { casesOf } from "../../long.js";

const demo = join(import.meta.dirname, "../../../demo/model");
const folder = mkdtempSync(join(tmpdir(), "retemper-as-stored-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TYPES = casesOf<GgufQuantisation>(["q4_k_m", "q8_0", "q5_k_m", "q4_0", "q6_k"], ["q4_k_m"]);
const file = (type: string) => join(folder, type, `model-${type.toUpperCase()}.gguf`);
beforeAll(async () => {
  for (const type of TYPES) await convert(demo, join(folder, type), { format: "gguf", quantise: type });
});

const LONG = Array.from({ length: 90 }, (_, i) => (i * 37) % 900);
const INPUTS = [[1, 2, 3, 400, 5], [700, 8], LONG];

async function seen(source: string, options: ModelOptions, inputs: readonly (readonly number[])[] = INPUTS) {
  const model = await openModel(source, options);
  try {
    const logits = await model.logits(inputs);
    return { hows: new Set(model.describe().tensors.map(({ how }) => how)), facts: model.facts, logits };
  } finally {
    await model.close();
  }
}

/** Mean of KL(a || b) over the positions, in nats. */
function divergence(a: Float32Array, b: Float32Array, positions: number): number {
  const width = a.length / positions;
  let sum = 0;
  for (let at = 0; at < positions; at++) {
    const logs = [a, b].map((logits) => {
      const row = logits.subarray(at * width, (at + 1) * width);
      const most = row.reduce((x, y) => Math.max(x, y));
      const total = Math.log(row.reduce((all, x) => all + Math.exp(x - most), 0)) + most;
      return row.map((x) => x - total);
    }) as [Float32Array, Float32Array];
    sum += logs[0].reduce((all, x, i) => all + Math.exp(x) * (x - (logs[1][i] as number)), 0);
  }
  return sum / positions;
}

describe.each(TYPES)("a GGUF file of %s with weights as stored", (type) => {
  const asStored = { weights: "asStored" } as const;

  it("is multiplied as it is stored, and says so", async () => {
    const { hows, facts } = await seen(file(type), asStored);
    expect([...hows].sort()).toEqual(["blocks", "stored"]); // norms are float32
    expect(facts.weights).toBe("asStored");
    expect((await seen(file(type), {}, [[1]])).facts.weights).toBeUndefined();
  });

  it("differs from its decoded weights by what rounded activations take, which is little and not nothing", async () => {
    const [stored, decoded] = [await seen(file(type), asStored), await seen(file(type), {})];
    const apart = divergence(decoded.logits[2] as Float32Array, stored.logits[2] as Float32Array, LONG.length);
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(0.001);
  });

  it("has the same bits alone and beside others, and on any number of threads", async () => {
    const together = await seen(file(type), { ...asStored, threads: 1 });
    const three = await seen(file(type), { ...asStored, threads: 3 });
    expect(three.logits).toEqual(together.logits);
    const alone = await seen(file(type), asStored, [LONG]);
    expect(alone.logits[0]).toEqual(together.logits[2]);
  });
});

describe("weights as stored", () => {
  it("take the file's memory, not that of decoded weights", async () => {
    /** What a model says that it needs, in MB, where there is room for its weights and not for a step. */
    const needed = async (options: ModelOptions) => {
      const error = await seen(file("q4_k_m"), { ...options, threads: 1, maxMemory: 4e6 }).catch(
        (reason: Error) => reason,
      );
      return Number(/needs ([\d.]+) MB of memory for weights and one step/.exec(String(error))?.[1]);
    };
    const parameters = 951_424;
    const saved = (await needed({ hold: true })) - (await needed({ weights: "asStored" }));
    expect(Math.abs(saved - (4 * parameters - statSync(file("q4_k_m")).size) / 1e6)).toBeLessThan(0.11); // of rounded numbers
  });

  const recipe = { merge_method: "passthrough", models: [{ model: demo }] };
  it.each<[string, Parameters<typeof openModel>, RegExp]>([
    ["of a merge", [recipe, { weights: "asStored" }], /asStored is of one GGUF file, and this is a merge/],
    ["that are held decoded", [demo, { weights: "asStored", hold: true }], /hold keeps decoded weights/],
    ["of a model that is no GGUF file", [demo, { weights: "asStored" }], /GGUF files, and this is no GGUF file/],
  ])("are refused %s", async (_, [source, options], message) => {
    await expect(openModel(source, options)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(message),
    });
  });
});
