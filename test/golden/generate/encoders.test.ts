// Encoders against transformers and bert-score on tiny models: token ids, and hidden states within 5e-4.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory } from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { type OpenEncoder } from "../../../lib/nn/encoders/encoder.js";
import { openEncoder } from "../../../lib/nn/encoders/openEncoder.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { casesOn, ENGINES } from "./engines.js";
import { distance } from "./steps.js";

const FOLDER = join(import.meta.dirname, "..", "encoders");

for (const [engine, missing] of ENGINES) {
  describe.skipIf(missing)(`${engine}${missing ? `: ${missing}` : ""}`, () => {
    describe.each(casesOn(engine, ["bert", "roberta", "deberta"], ["deberta"]))("%s", (name) => {
      const expected = JSON.parse(readFileSync(join(FOLDER, name, "expected.json"), "utf8"));
      const want = readCheckpoint(join(FOLDER, name), "expected_hidden.safetensors");
      const layer: number = expected.num_layers;
      const ids: number[][] = expected.cand_ids;
      let encoder: OpenEncoder;
      beforeAll(async () => {
        encoder = await openEncoder(join(FOLDER, name), { engine });
      });
      afterAll(() => encoder?.close());

      it("gives the ids that bert-score gives a text", () => {
        for (const [i, [candidate, reference]] of (expected.pairs as [string, string][]).entries()) {
          const encode = (text: string) => encoder.encode(text.trim(), { maxLength: expected.max_length });
          expect(encode(candidate)).toEqual(expected.cand_ids[i]);
          expect(encode(reference)).toEqual(expected.ref_ids[i]);
        }
      });

      it("gives hidden states of inputs of all lengths, alone and in a batch", async () => {
        const states = await encoder.hidden(ids, layer);
        expect(states.map(({ length }) => length)).toEqual(ids.map(({ length }) => length * encoder.hiddenSize));
        expect([...want.keys()]).toHaveLength(3);
        for (const [key, { values }] of want) {
          const input = Number(/hidden_cand_(\d+)/.exec(key)?.[1]);
          expect(distance(states[input] as Float32Array, values), key).toBeLessThan(5e-4);
          const [alone] = await encoder.hidden([ids[input] as number[]], layer);
          expect(distance(alone as Float32Array, values), key).toBeLessThan(5e-4);
        }
      });

      it("gives states of every layer, and nothing for nothing", async () => {
        const [first, last, next] = await Promise.all(
          [0, 4, 3].map(async (at) => (await encoder.hidden([[2, 7, 9]], at))[0]),
        );
        expect(distance(first as Float32Array, last as Float32Array)).toBeGreaterThan(0.1);
        expect(distance(next as Float32Array, last as Float32Array)).toBeGreaterThan(0.1);
        expect(await encoder.hidden([], 1)).toEqual([]);
        const [empty, one] = await encoder.hidden([[], [5]], 1);
        expect(empty).toHaveLength(0);
        expect(one).toHaveLength(32);
      });

      it("refuses layers, lengths and ids that are not there", async () => {
        const failure = (promise: Promise<unknown>) =>
          promise.then(
            () => "nothing",
            (error: RetemperError) => `${error.code}: ${error.message}`,
          );
        expect(await failure(encoder.hidden([[1]], 5))).toMatch(/USAGE: the encoder has no layer 5/);
        expect(await failure(encoder.hidden([[1], new Array(65).fill(5)], 1))).toMatch(/input 1 has 65 tokens/);
        expect(await failure(encoder.hidden([[1, 999]], 1))).toMatch(/input 0 has the id 999/);
        const cancelled = AbortSignal.abort(new RetemperError("CANCELLED", "no more"));
        expect(await failure(encoder.hidden([[1]], 1, { signal: cancelled }))).toMatch(/CANCELLED/);
      });

      it("frees what it made, also of work that is cancelled between layers", async () => {
        const before = memory().numTensors;
        const abort = new AbortController();
        const running = encoder.hidden(ids, 4, { signal: abort.signal });
        setImmediate(() => setImmediate(() => abort.abort(new RetemperError("CANCELLED", "no more"))));
        await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
        expect(memory().numTensors).toBe(before);
      });
    });
  });
}

describe("openEncoder", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "retemper-encoders-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A copy of the BERT model, its header and configuration changed. */
  function changed(header: (text: string) => string, config: object = {}): string {
    const copy = mkdtempSync(join(folder, "bert-"));
    cpSync(join(FOLDER, "bert"), copy, { recursive: true });
    const file = join(copy, "model.safetensors");
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE());
    const text = Buffer.from(header(bytes.toString("utf8", 8, 8 + length)));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(file, Buffer.concat([size, text, bytes.subarray(8 + length)]));
    const path = join(copy, "config.json");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...config }));
    return copy;
  }

  const states = async (path: string) => {
    const encoder = await openEncoder(path, { engine: "reference" });
    const [found] = await encoder.hidden([[2, 99, 28, 205, 3]], 2);
    await encoder.close();
    return found as Float32Array;
  };

  it("finds tensors under the prefix of a model with a head, and norms by their oldest names", async () => {
    const plain = await states(join(FOLDER, "bert"));
    const headed = changed((text) => text.replaceAll('"e', '"bert.e').replaceAll('"pooler', '"bert.pooler'));
    expect(distance(await states(headed), plain)).toBe(0);
    const old = changed((text) =>
      text.replaceAll("LayerNorm.weight", "LayerNorm.gamma").replaceAll("LayerNorm.bias", "LayerNorm.beta"),
    );
    expect(distance(await states(old), plain)).toBe(0);
  });

  it("names what is missing, and families it does not know", async () => {
    const missing = changed((text) => text.replaceAll("layer.2.output.dense", "layer.2.output.thick"));
    await expect(states(missing)).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("encoder.layer.2.output.dense.weight (nearest:"),
    });
    const other = changed((text) => text, { model_type: "deberta-v2" });
    await expect(states(other)).rejects.toMatchObject({
      code: "BAD_INPUT",
      hint: expect.stringContaining("bert, roberta"),
    });
  });
});
