// A decoder out of the fused operations, for any engine that has them as kernels of a TensorFlow.js backend.

import { RetemperError } from "../../errors.js";
import type { Decoder } from "../decoder.js";
import { type Tensor2D, tidy } from "../tensorflowCore.js";
import { normalise } from "./norm.js";
import type { Runtime } from "./runtime.js";
import type { Cache, Rows } from "./specs.js";
import { KERNEL_OPERATIONS as operations, throughLayers } from "./throughLayers.js";
import { useBackend } from "./useBackend.js";

export interface DecoderParts
  extends Pick<
    Decoder,
    "spec" | "facts" | "memory" | "mapped" | "virtualTensors" | "setVariant" | "argMax" | "stepWork"
  > {
  readonly runtime: Runtime;
  /** Of TensorFlow.js, ready to be used, with the kernels of KERNELS. */
  readonly backend: string;
}

/** A decoder that also shows what it thinks on the way. */
export interface AssembledDecoder extends Decoder {
  /**
   * Runs one step like `forward`, and gives what enters each layer and, last, what the head's product takes (after the
   * final norm): layers + 1 arrays, [rows x hidden] each.
   */
  hiddenStates(rows: Rows, cache: Cache): Float32Array[];
}

/** Puts the operations of a spec together. */
export function assembleDecoder({
  spec,
  facts,
  memory,
  mapped,
  virtualTensors,
  setVariant,
  argMax,
  stepWork,
  runtime,
  backend,
}: DecoderParts): AssembledDecoder {
  const layers = spec.layers.map(({ attend: { kvHeads, headDim } }) => ({ kvHeads, headDim }));
  let open = true;
  const start = () => {
    if (!open) throw new RetemperError("INTERNAL", "the decoder was used after it was disposed");
    useBackend(backend);
  };
  return {
    spec,
    facts,
    memory,
    mapped,
    virtualTensors,
    setVariant,
    argMax,
    stepWork,
    createCache: (shape) => runtime.createCache({ ...shape, layers }),
    forward(rows, cache, wanted) {
      start();
      if (runtime.step) return runtime.step(spec, rows, cache, wanted);
      const logits = tidy(() => {
        const x = throughLayers({ spec, rows, cache, runtime, operations });
        return operations.head(x, { spec: spec.head, rows, wanted, runtime });
      });
      const values = logits.dataSync<"float32">();
      logits.dispose();
      return values;
    },
    hiddenStates(rows, cache) {
      start();
      const states: Float32Array[] = [];
      const onInput = (state: Tensor2D) => {
        states.push(state.dataSync<"float32">().slice());
      };
      tidy(() => {
        const x = throughLayers({ spec, rows, cache, runtime, operations, onInput });
        onInput(normalise(x, spec.head.norm, runtime, rows.variants));
      });
      return states;
    },
    dispose() {
      if (open) runtime.dispose();
      open = false;
    },
  };
}
