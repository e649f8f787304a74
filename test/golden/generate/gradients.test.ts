// Gradients through the compositions, as training takes them: a term added to some products, against differences.

import { join } from "node:path";
import {
  add,
  matMul,
  memory,
  mul,
  reshape,
  type Scalar,
  sum,
  type Tensor2D,
  tensor1d,
  tidy,
  type Variable,
  variable,
  variableGrads,
  zeros,
} from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { useReference } from "../../../lib/nn/engines/reference/startReference.js";
import { ReferenceRuntime } from "../../../lib/nn/engines/reference/referenceRuntime.js";
import { decoderSpec } from "../../../lib/nn/families/decoderSpec.js";
import { COMPOSED_OPERATIONS as operations } from "../../../lib/nn/ops/compositions.js";
import type { Matrix } from "../../../lib/nn/ops/specs.js";
import { throughLayers } from "../../../lib/nn/ops/throughLayers.js";
import { registerGradients } from "../../../lib/tune/training/registerGradients.js";
import { MODELS_FOLDER, open } from "./engines.js";
import { rowsOf } from "./steps.js";

const PIECES = [
  { slot: 0, ids: [5, 90, 17, 300, 44, 9, 12], start: 0 },
  { slot: 1, ids: [7, 8, 211, 30], start: 0 },
];

/** Adds a trained matrix to every product of the first layer. */
class Trained extends ReferenceRuntime {
  readonly terms = new Map<string, Variable>();

  override linear(x: Tensor2D, matrix: Matrix): Tensor2D {
    const y = super.linear(x, matrix);
    const { name, rows } = matrix.weight;
    if (!/\.(layers|h)\.0\./.test(name)) return y;
    const key = `${name} ${rows ?? ""}`;
    const term = this.terms.get(key) ?? variable(zeros([matrix.in, matrix.out]), true, `${this.id}${key}`);
    this.terms.set(key, term);
    return add(y, matMul(x, term as unknown as Tensor2D));
  }

  private readonly id = `${Math.random()}`;
}

describe("gradients", () => {
  it.each(["qwen3", "gemma2", "phi3", "gpt2"])("flow through every operation of %s", async (model) => {
    await useReference();
    registerGradients(); // TensorFlow.js's core has none of its own: training defines those that a decoder needs
    const checkpoint = await open(join(MODELS_FOLDER, model));
    const spec = decoderSpec(checkpoint, []);
    const runtime = new Trained(checkpoint.files, loadAddon());
    const cacheShape = { layers: spec.layers.map(({ attend }) => attend), slots: 2, tokens: 20 };
    const rows = rowsOf(PIECES);
    const wanted = rows.ids.map((_, i) => i);
    const weights = Float32Array.from({ length: wanted.length * spec.vocabulary }, (_, i) => Math.sin(i * 1.3) / 40);

    const loss = (): Scalar =>
      tidy(() => {
        const cache = runtime.createCache(cacheShape);
        const x = throughLayers({ spec, rows, cache, runtime, operations });
        const logits = operations.head(x, { spec: spec.head, rows, wanted, runtime });
        const result = sum(mul(reshape(logits, [-1]), tensor1d(weights))) as Scalar;
        cache.dispose();
        return result;
      });
    tidy(() => void loss()); // makes the terms
    const before = memory().numTensors;
    const { value, grads } = variableGrads(loss, [...runtime.terms.values()]);
    expect(runtime.terms.size).toBe({ qwen3: 7, gemma2: 7, phi3: 5, gpt2: 4 }[model]);

    for (const [name, term] of runtime.terms) {
      const gradient = grads[term.name]?.dataSync() as Float32Array;
      // along the gradient itself, where a difference says most
      const norm = Math.hypot(...gradient);
      expect(norm, name).toBeGreaterThan(1e-2);
      const step = 2e-3;
      const at = (scale: number) => {
        const moved = gradient.map((g) => (g / norm) * scale);
        tidy(() => term.assign(reshape(tensor1d(moved), term.shape)));
        return tidy(() => loss().dataSync()[0] as number);
      };
      const slope = (at(step) - at(-step)) / (2 * step);
      at(0);
      expect(Math.abs(slope / norm - 1), `${name}: ${slope} for ${norm}`).toBeLessThan(1e-2);
    }
    value.dispose();
    for (const gradient of Object.values(grads)) gradient.dispose();
    expect(memory().numTensors).toBe(before);
    for (const term of runtime.terms.values()) term.dispose();
    runtime.dispose();
  });
});
