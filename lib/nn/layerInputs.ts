// What enters a decoder's linear layers, a layer at a time: attention by the engine's kernel, all else by the compositions, whose
// products show what they take.

import type { RunningEngine } from "./engines/runningEngine.js";
import { mlp, output, project } from "./ops/compose.js";
import { runAttend, runEmbed } from "./ops/kernels.js";
import type { Runtime } from "./ops/runtime.js";
import type { AttendSpec, DecoderSpec, LayerSpec, Matrix, Rows } from "./ops/specs.js";
import { useBackend } from "./ops/useBackend.js";
import { type Tensor2D, tensor2d, tidy } from "./tensorflowCore.js";

/** Products of a layer that take the same inputs. */
export interface LayerInput {
  /** Names of the weights, as they are stored. */
  readonly weights: readonly string[];
  /** Features of a row. */
  readonly width: number;
}

/** The inputs of a layer's products: of attention, of its output, of the MLP, of its last product. */
export function inputsOfLayer({ project, output, mlp }: LayerSpec): LayerInput[] {
  const gate = mlp.gate ? [mlp.gate] : [];
  return [project.matrices, [output.matrix], [...gate, mlp.up], [mlp.down]].map((matrices) => ({
    // Two of them may be parts of one stored weight.
    weights: [...new Set(matrices.map(({ weight }) => weight.stored.name))],
    width: (matrices[0] as Matrix).in,
  }));
}

/** Layers of a decoder on an engine, which stays the caller's. */
export class LayerPass {
  readonly #engine: RunningEngine;
  readonly #spec: DecoderSpec;
  /** Each layer's attention as the only layer of a cache. */
  readonly #alone: readonly AttendSpec[];

  constructor(engine: RunningEngine, spec: DecoderSpec) {
    this.#engine = engine;
    this.#spec = spec;
    this.#alone = spec.layers.map(({ attend }) => ({ ...attend, layer: 0 }));
  }

  /** What enters the first layer, [rows, hidden]. */
  embed(rows: Rows): Float32Array {
    const { runtime, backend } = this.#engine;
    useBackend(backend);
    return valuesOf(() => runEmbed({ spec: this.#spec.embed, rows, runtime }));
  }

  /**
   * What leaves a layer, [rows, hidden].
   * @param rows whole sequences, each from position 0
   * @param states what enters it, [rows, hidden]
   * @param onInput shown the values of each of `inputsOfLayer` by its place, [rows, width]; they are valid during the call
   */
  layer(
    index: number,
    rows: Rows,
    states: Float32Array,
    onInput: (place: number, values: Float32Array) => void,
  ): Float32Array {
    const { runtime: own, backend } = this.#engine;
    const spec = this.#spec.layers[index] as LayerSpec;
    const attend = this.#alone[index] as AttendSpec;
    const places = new Map<Matrix, number>();
    const first = [spec.project.matrices[0], spec.output.matrix, spec.mlp.gate ?? spec.mlp.up, spec.mlp.down];
    for (const [place, matrix] of first.entries()) places.set(matrix as Matrix, place);
    const runtime = showing(own, (matrix, x) => {
      const place = places.get(matrix);
      if (place !== undefined) onInput(place, x.dataSync<"float32">());
    });
    useBackend(backend);
    const slots = (rows.slots.at(-1) ?? 0) + 1;
    const { kvHeads, headDim } = attend;
    const cache = own.createCache({ layers: [{ kvHeads, headDim }], slots, tokens: rows.ids.length });
    try {
      return valuesOf(() => {
        const x = tensor2d(states, [rows.ids.length, this.#spec.hidden]);
        const projected = project(x, { spec: spec.project, rows, runtime });
        const attended = runAttend(projected, { spec: attend, rows, runtime: own, cache });
        const y = output(attended, x, { spec: spec.output, rows, runtime });
        return mlp(y, { spec: spec.mlp, rows, runtime });
      });
    } finally {
      cache.dispose();
    }
  }
}

function valuesOf(compute: () => Tensor2D): Float32Array {
  const result = tidy(compute);
  const values = result.dataSync<"float32">();
  result.dispose();
  return values;
}

/** A runtime that shows what its products take. */
function showing(runtime: Runtime, show: (matrix: Matrix, x: Tensor2D) => void): Runtime {
  return {
    linear(x, matrix, variants) {
      show(matrix, x);
      return runtime.linear(x, matrix, variants);
    },
    vector: (weight, variants) => runtime.vector(weight, variants),
    gather: (table, ids, variants) => runtime.gather(table, ids, variants),
    createCache: (shape) => runtime.createCache(shape),
    dispose: () => runtime.dispose(),
  };
}
