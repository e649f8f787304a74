// The TensorFlow engine beside the reference: precisions, memory, gradients, several models at once. Skipped, and said so,
// where it is not set up.

import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it } from "vitest";
import { loadAddon } from "../../../../../lib/addon/load.js";
import { RetemperError } from "../../../../../lib/errors.js";
import { ReferenceRuntime } from "../../../../../lib/nn/engines/reference/referenceRuntime.js";
import { BACKEND, loadTensorflow } from "../../../../../lib/nn/engines/tensorflow/loadTensorflow.js";
import { onTensorflow } from "../../../../../lib/nn/engines/tensorflow/onTensorflow.js";
import {
  openTensorflow,
  policyFor,
  type TensorflowOptions,
} from "../../../../../lib/nn/engines/tensorflow/openTensorflow.js";
import { RawOps, TF_TYPE } from "../../../../../lib/nn/engines/tensorflow/rawOps.js";
import { TensorflowRuntime, type WeightPolicy } from "../../../../../lib/nn/engines/tensorflow/tensorflowRuntime.js";
import { decoderSpec } from "../../../../../lib/nn/families/decoderSpec.js";
import { openDecoder } from "../../../../../lib/nn/openDecoder.js";
import type { AssembledDecoder } from "../../../../../lib/nn/ops/assembleDecoder.js";
import { attend, MOST_SCORES } from "../../../../../lib/nn/ops/attend.js";
import { mlp, output, project } from "../../../../../lib/nn/ops/compose.js";
import type { Runtime } from "../../../../../lib/nn/ops/runtime.js";
import type { Cache } from "../../../../../lib/nn/ops/specs.js";
import { MODELS_FOLDER, open } from "../../../../golden/generate/engines.js";
import { distance, greedy, lastLogits, rowsOf, wholePrompts } from "../../../../golden/generate/steps.js";
import { long } from "../../../../long.js";

function whyNot(): string | undefined {
  try {
    loadTensorflow();
    return undefined;
  } catch (error) {
    if (error instanceof RetemperError) return error.message;
    throw error;
  }
}

const missing = whyNot();
const PROMPTS = [[5, 9, 2], [7], [11, 3, 8, 1, 30, 12]];

const opened: AssembledDecoder[] = [];
afterEach(() => {
  for (const decoder of opened.splice(0)) decoder.dispose();
});

async function openModel(model: string, options: TensorflowOptions = {}): Promise<AssembledDecoder> {
  const checkpoint = await open(join(MODELS_FOLDER, model));
  const decoder = openTensorflow(checkpoint, decoderSpec(checkpoint, []), options);
  opened.push(decoder);
  return decoder;
}

function logitsOf(decoder: AssembledDecoder): Float32Array {
  const cache = decoder.createCache({ slots: 3, tokens: 100 });
  const logits = lastLogits(decoder, cache, wholePrompts(PROMPTS));
  cache.dispose();
  return logits;
}

describe.skipIf(missing)(`TensorFlow${missing ? `: ${missing}` : ""}`, () => {
  it("says what it is, and whether a GPU does the work", async () => {
    const { facts } = await openModel("llama");
    expect(facts).toMatchObject({ engine: "tensorflow", precision: "float32", gpu: loadTensorflow().gpu });
    expect(facts.versions).toEqual({ "TensorFlow.js": "4.22.0", TensorFlow: "2.20.0" });
    expect(facts.device).toMatch(
      facts.gpu ? /^gpu, / : /^cpu: \d+ threads?, TensorFlow for (cpu|cuda), weights in float32$/,
    );
  });

  it.runIf(missing === undefined && !loadTensorflow().gpu)(
    "refuses to run without a GPU that was required",
    async () => {
      const before = loadTensorflow().binding.getNumOfTensors();
      await expect(openModel("llama", { requireGpu: true })).rejects.toMatchObject({
        code: "DEVICE",
        hint: expect.stringMatching(/--cuda|nvidia-smi/),
      });
      expect(loadTensorflow().binding.getNumOfTensors()).toBe(before);
    },
  );

  it.each(["llama", "gpt2", "phi3"])(
    "computes %s from weights as they are stored as well as from widened ones",
    async (model) => {
      const widened = await openModel(model);
      const stored = await openModel(model, { maxMemory: 1 });
      expect(stored.facts.device).toContain("weights as stored");
      expect(distance(logitsOf(stored), logitsOf(widened))).toBeLessThan(1e-5);
    },
  );

  it.each(["llama", "qwen2", "gemma2", "gpt2"])(
    "computes %s in bfloat16, about as well as eight bits can",
    async (model) => {
      const exact = logitsOf(await openModel(model));
      const rough = await openModel(model, { precision: "bfloat16" });
      expect(rough.facts.precision).toBe("bfloat16");
      const largest = exact.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0);
      const difference = distance(logitsOf(rough), exact);
      expect(difference).toBeGreaterThan(0);
      expect(difference / largest).toBeLessThan(0.05);
    },
  );

  it("keeps bfloat16 weights in half the memory of float32 ones", async () => {
    const [full, half] = [await openModel("llama"), await openModel("llama", { precision: "bfloat16" })];
    expect(half.memory.weights / full.memory.weights).toBeLessThan(0.55);
  });

  it.runIf(long)("leaks nothing over thousands of steps, and gives everything back at the end", async () => {
    const { binding } = loadTensorflow();
    const [atStart, tensorsAtStart] = [binding.getNumOfTensors(), tf.memory().numTensors];
    for (const options of [{}, { maxMemory: 1 }, { precision: "bfloat16" }] as const) {
      const decoder = await openModel("llama", options);
      const steps = (count: number) => {
        for (let i = 0; i < count; i += 1) {
          const cache = decoder.createCache({ slots: 1, tokens: 8 });
          for (let position = 0; position < 4; position += 1) {
            decoder.forward(rowsOf([{ slot: 0, ids: [i % 30], start: position }]), cache, Int32Array.of(0));
          }
          cache.dispose();
        }
      };
      steps(1);
      const before = [binding.getNumOfTensors(), tf.memory().numTensors];
      steps(250);
      expect([binding.getNumOfTensors(), tf.memory().numTensors]).toEqual(before);
      decoder.dispose();
      decoder.dispose();
    }
    expect([binding.getNumOfTensors(), tf.memory().numTensors]).toEqual([atStart, tensorsAtStart]);
  });

  it("runs several models at once, beside those of another backend, each with its own weights", async () => {
    const models = ["llama", "gemma3_text"];
    const alone: number[][][] = [];
    for (const model of models) alone.push(greedy(await openModel(model), PROMPTS, 8));
    const decoders = [await openModel("llama"), await openModel("gemma3_text")];
    const reference = await openDecoder(await open(join(MODELS_FOLDER, "llama")), "reference");
    const together = decoders.map(() => [] as number[][][]);
    for (let round = 0; round < 2; round += 1) {
      for (const [i, decoder] of decoders.entries()) {
        together[i]?.push(greedy(decoder, PROMPTS, 8));
        expect(distance(logitsOf(reference), logitsOf(decoders[0] as AssembledDecoder))).toBeLessThan(2e-4);
      }
    }
    reference.dispose();
    for (const [i, rounds] of together.entries()) expect(rounds).toEqual([alone[i], alone[i]]);
    decoders[0]?.dispose();
    expect(greedy(decoders[1] as AssembledDecoder, PROMPTS, 8)).toEqual(alone[1]);
  });

  it("reads a prompt that is too long for attention at once in pieces, with the same result", async () => {
    const decoder = await openModel("llama");
    const heads = decoder.spec.layers[0]?.attend.heads as number;
    const length = Math.ceil(1.05 * Math.sqrt(MOST_SCORES / heads));
    const ids = Array.from({ length }, (_, i) => (i * 7) % 50);
    const cache = decoder.createCache({ slots: 2, tokens: 2 * length });
    const whole = lastLogits(decoder, cache, [{ slot: 0, ids, start: 0 }]);
    let pieces = whole;
    for (let start = 0; start < length; start += 500) {
      pieces = lastLogits(decoder, cache, [{ slot: 1, ids: ids.slice(start, start + 500), start }]);
    }
    cache.dispose();
    expect(distance(whole, pieces)).toBeLessThan(1e-4);
  });

  it("is refused after it was disposed", async () => {
    const decoder = await openModel("llama");
    const cache = decoder.createCache({ slots: 1, tokens: 8 });
    decoder.dispose();
    expect(() => decoder.forward(rowsOf([{ slot: 0, ids: [1], start: 0 }]), cache, Int32Array.of(0))).toThrow(
      expect.objectContaining({ code: "INTERNAL" }),
    );
  });

  it("keeps weights widened where they take at most half of the memory, and never on a GPU", async () => {
    const { layers } = (await openModel("llama")).spec;
    const weights = layers.map(({ mlp: { down } }) => down.weight);
    const bytes = weights.reduce((sum, { shape: [out = 0, inner = 0] }) => sum + 4 * out * inner, 0);
    const float32 = TF_TYPE.FLOAT;
    expect(policyFor("float32", false, weights, 2 * bytes)).toEqual({ computed: float32, kept: float32 });
    expect(policyFor("float32", false, weights, 2 * bytes - 1)).toEqual({ computed: float32, kept: "stored" });
    expect(policyFor("float32", true, weights, 100 * bytes)).toEqual({ computed: float32, kept: "stored" });
    const bfloat16 = { computed: TF_TYPE.BFLOAT16, kept: TF_TYPE.BFLOAT16 };
    expect(policyFor("bfloat16", true, weights, 1)).toEqual(bfloat16);
  });

  describe("gradients", () => {
    /** d sum(f(x) * probe) / dx, and what f gives, of a whole layer in one engine. */
    async function differentiate(model: string, backend: string, kept: WeightPolicy["kept"] = TF_TYPE.FLOAT) {
      const checkpoint = await open(join(MODELS_FOLDER, model));
      const spec = decoderSpec(checkpoint, []);
      const layer = spec.layers[0] as (typeof spec.layers)[number];
      const rows = rowsOf([{ slot: 0, ids: [1, 2, 3], start: 0 }]);
      const files = checkpoint.files;
      const runtime: Runtime =
        backend === BACKEND
          ? new TensorflowRuntime(new RawOps(loadTensorflow()), files, loadAddon(), { computed: TF_TYPE.FLOAT, kept })
          : new ReferenceRuntime(files, loadAddon());
      const caches: Cache[] = [];
      const values = (seed: number, width: number) =>
        tf.tensor2d(
          Float32Array.from({ length: 3 * width }, (_, i) => Math.sin(seed + 1.7 * i)),
          [3, width],
        );
      const piece = (x: tf.Tensor2D) => {
        const projected = project(x, { spec: layer.project, rows, runtime });
        const cache = runtime.createCache({
          layers: [{ kvHeads: layer.attend.kvHeads, headDim: layer.attend.headDim }],
          slots: 1,
          tokens: 3,
        });
        caches.push(cache);
        const attended = attend(projected, { spec: layer.attend, rows, cache, runtime });
        return mlp(output(attended, x, { spec: layer.output, rows, runtime }), { spec: layer.mlp, rows, runtime });
      };
      const result = tf.tidy(() => {
        const x = values(1, spec.hidden);
        const gradient = tf.grad((input) => tf.sum(tf.mul(piece(input as tf.Tensor2D), values(2, spec.hidden))))(x);
        return {
          gradient: Float32Array.from(gradient.dataSync()),
          value: Float32Array.from(piece(x).dataSync()),
        };
      });
      for (const cache of caches) cache.dispose();
      runtime.dispose();
      return result;
    }

    it.each(["llama", "gpt2", "phi3", "qwen2"])(
      "flow through a layer of %s with frozen weights, as in the reference",
      async (model) => {
        const reference = await openDecoder(await open(join(MODELS_FOLDER, model)), "reference"); // starts the backend
        reference.dispose();
        await tf.setBackend("cpu");
        const want = await differentiate(model, "cpu");
        for (const kept of [TF_TYPE.FLOAT, "stored"] as const) {
          await tf.setBackend(BACKEND);
          const got = await differentiate(model, BACKEND, kept);
          expect(distance(got.value, want.value)).toBeLessThan(1e-4);
          const largest = want.gradient.reduce((max, g) => Math.max(max, Math.abs(g)), 0);
          expect(distance(got.gradient, want.gradient) / largest).toBeLessThan(1e-4);
        }
      },
    );

    it("are those of the product: dx = dy W", () => {
      onTensorflow(() => {
        const ops = new RawOps(loadTensorflow());
        const weight = {
          name: "w",
          shape: [2, 3],
          stored: { name: "w", dtype: "F32", shape: [2, 3], file: 0, offset: 0, bytes: 24 },
        } as const;
        const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
        const addon = { readBytes: () => bytes };
        const files = [{ path: "", size: 24, inode: "0", mtimeNs: "0" }];
        const runtime = new TensorflowRuntime(ops, files, addon, { computed: TF_TYPE.FLOAT, kept: TF_TYPE.FLOAT });
        const matrix = { weight, layout: "out-in", out: 2, in: 3 } as const;
        const before = tf.memory().numTensors;
        tf.tidy(() => {
          const x = tf.tensor2d([1, 0, -1], [1, 3]);
          const { value, grad } = tf.valueAndGrad((input) => runtime.linear(input as tf.Tensor2D, matrix))(
            x,
            tf.tensor2d([10, 100], [1, 2]),
          );
          expect([...value.dataSync()]).toEqual([-2, -2]);
          expect([...grad.dataSync()]).toEqual([410, 520, 630]);
        });
        expect(tf.memory().numTensors).toBe(before);
        runtime.dispose();
      });
    });
  });
});
