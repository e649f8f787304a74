// Derivatives of a loss by one coefficient a tensor, of a model with an adapter, at any point A + c D: the kernels that train adapters
// take them. A term s B R (B and R the adapter's factors) with c B in B's place has dL/d(c B) = s dL/dW R^T, so that
// dL/dc = <dL/dW, s B R> = <dL/d(c B), B>: no matrix of the model's own size is made, and a point costs a step of a training.

import { setImmediate } from "node:timers/promises";
import type { Addon } from "../../addon/surface.js";
import { type CheckpointReference, openCheckpoint } from "../../checkpoint/open.js";
import type { Adapter, Checkpoint, StoredFile, StoredTensor } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { widen } from "../../nn/engines/reference/widen.js";
import { weightsOf } from "../../nn/engines/runningEngine.js";
import { startEngine } from "../../nn/engines/startEngine.js";
import { decoderSpec } from "../../nn/families/decoderSpec.js";
import { stopTokensOf } from "../../nn/families/stopTokens.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import { useBackend } from "../../nn/ops/useBackend.js";
import { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import { type LinearModule, linearModules } from "../adapter/modules.js";
import type { Term } from "../adapter/terms.js";
import { answerTokens, batchOf, type Example, inBatches } from "../data/example.js";
import { keepsActivations } from "../training/activationMemory.js";
import { addGradients, noGradients } from "../training/gradients.js";
import { openOperations } from "../training/openOperations.js";
import type { LossDerivatives } from "./gradientsOfCoefficients.js";

export interface AdapterGradientsOptions {
  readonly addon: Addon;
  readonly threads?: number | undefined;
  readonly precision?: "float32" | "bfloat16" | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AdapterGradients {
  /** Names of the tensors that the adapter changes. */
  readonly tensors: readonly string[];
  /** What ends an answer. */
  readonly stopTokens: readonly number[];
  /**
   * Starts the engine where it does not run, so that one that is only opened has no threads. One call at a time.
   * @param coefficientOf of each of `tensors`: how much of the adapter is added to it
   * @param examples of at most `MOST_TOKENS` tokens each
   */
  at(coefficientOf: (tensor: string) => number, examples: readonly Example[]): Promise<LossDerivatives>;
  /** Ends the engine, where one runs. */
  close(): void;
}

/** Tokens that are computed at once, and of an example at most. */
export const MOST_TOKENS = 1024;

/**
 * @param reference a model with an adapter
 * @throws RetemperError as opening a model does; INCOMPATIBLE for a whole model, and for an adapter that has more than low-rank terms
 *   of the layers' products (DoRA's magnitudes, whole modules, biases, embeddings)
 */
export async function openAdapterGradients(
  reference: CheckpointReference,
  { addon, threads, precision = "float32", signal }: AdapterGradientsOptions,
): Promise<AdapterGradients> {
  const checkpoint = await openCheckpoint(reference, { addon });
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const terms = termsOf(checkpoint.adapter, linearModules(spec), reference.text, addon);
  const checkStop = () => signal?.throwIfAborted();
  let running: Awaited<ReturnType<typeof startTraining>> | undefined;
  const keeps = keepsActivations(spec, undefined);
  const whole = terms.map(({ b }) => b.values.slice());
  return {
    tensors: terms.map(({ module }) => module.weightName),
    stopTokens: spec.stopTokens,
    async at(coefficientOf, examples) {
      checkStop();
      running ??= await startTraining(checkpoint, spec, terms, { threads, precision, checkStop });
      const { backend, runtime, operations, gradients } = running;
      useBackend(backend);
      for (const [at, { b, module }] of terms.entries()) {
        const coefficient = coefficientOf(module.weightName);
        for (const [i, value] of (whole[at] as Float32Array).entries()) b.values[i] = coefficient * value;
      }
      runtime.refresh();
      for (const values of gradients.values()) values.fill(0);
      let loss = 0;
      for (const batch of inBatches(examples, MOST_TOKENS).map(batchOf)) {
        const options = { weight: 1, keepActivations: keeps(batch.rows.ids.length) };
        loss += addGradients({ layers: spec.layers.length, operations, runtime, terms, gradients }, batch, options);
        await setImmediate(); // lets a signal be heard
        checkStop();
      }
      const byTensor = terms.map(({ b, module }, at): [string, number] => {
        const gradient = gradients.get(b) as Float32Array;
        const values = whole[at] as Float32Array;
        return [module.weightName, values.reduce((sum, value, i) => sum + value * (gradient[i] as number), 0)];
      });
      const tokens = examples.reduce((sum, example) => sum + answerTokens(example), 0);
      return { loss, tokens, byTensor: new Map(byTensor) };
    },
    close() {
      running?.close();
      running = undefined;
    },
  };
}

/** What computes a model's derivatives. @throws as the engine does; then nothing of it runs */
async function startTraining(
  checkpoint: Checkpoint,
  spec: DecoderSpec,
  terms: readonly Term[],
  {
    checkStop,
    ...options
  }: Pick<AdapterGradientsOptions, "threads" | "precision"> & { readonly checkStop: () => void },
) {
  const engine = await startEngine("native", checkpoint, weightsOf(spec), options);
  try {
    const norms = () => new Float32Array(0); // DoRA's alone
    const runtime = new AdaptedRuntime(engine.runtime, terms, { rate: 0, seed: 0 }, norms);
    const gradients = noGradients(terms);
    const hooks = { gradients, norms, checkStop, mostRows: MOST_TOKENS };
    const operations = await openOperations(spec, runtime, engine, hooks);
    const close = () => {
      operations.release();
      runtime.dispose();
      engine.runtime.dispose();
    };
    return { backend: engine.backend, runtime, operations, gradients, close };
  } catch (error) {
    engine.runtime.dispose();
    throw error;
  }
}

function termsOf(
  adapter: Adapter | undefined,
  modules: readonly LinearModule[],
  text: string,
  addon: Pick<Addon, "readBytes">,
): Term[] {
  const refused = (why: string) =>
    new RetemperError(
      "INCOMPATIBLE",
      `derivatives by coefficients are taken of adapters with low-rank terms alone, and ${why}`,
    );
  if (!adapter) throw refused(`${text} is a whole model`);
  const [added] = adapter.added.keys();
  if (added !== undefined) throw refused(`this one adds ${added}`);
  const byName = new Map(modules.map((module) => [module.weightName, module]));
  return [...adapter.effects].map(([name, effect], index) => {
    const module = byName.get(name);
    const isPlain = effect.kind === "lowRank" && !effect.base && !effect.term.experts && !effect.term.dora;
    if (!module || !isPlain) throw refused(`this one changes ${name} otherwise`);
    const { left, right, leftTransposed, scale } = effect.term;
    const [b, a] = leftTransposed ? [right, left] : [left, right];
    const parameter = (stored: StoredTensor) => ({
      key: stored.name,
      shape: stored.shape,
      values: valuesOf(stored, adapter.files, addon),
    });
    return { module, index, scale, a: parameter(a), b: parameter(b) };
  });
}

function valuesOf(
  { file, offset, bytes, dtype }: StoredTensor,
  files: readonly StoredFile[],
  addon: Pick<Addon, "readBytes">,
) {
  return widen(addon.readBytes((files[file] as StoredFile).path, offset, offset + bytes), dtype);
}
