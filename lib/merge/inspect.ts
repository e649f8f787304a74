// `inspect`: what a model is, from its headers and configuration.

import { existsSync } from "node:fs";
import { loadAddon } from "../addon/load.js";
import { inspectModel, type ModelFacts } from "../checkpoint/inspect.js";
import { parseModelReference } from "../recipe/modelReference.js";

export interface InspectOptions {
  readonly signal?: AbortSignal | undefined;
  /** The hub cache to look the model up in; default HF_HUB_CACHE, else HF_HOME/hub. */
  readonly transformersCache?: string | undefined;
}

/**
 * Looks at a model, an adapter, or a model with an adapter (`path[@revision][+lora[@revision]]`). No tensor is read.
 * @throws RetemperError BAD_INPUT for what does not exist or is broken; INCOMPATIBLE for an adapter of another model
 * @example
 * ```ts
 * import { inspect } from "retemper";
 *
 * const { family, layers, dtypes } = await inspect("models/aligned");
 * console.log(family, layers, Object.keys(dtypes)); // LlamaForCausalLM (llama) 4 [ 'BF16' ]
 *
 * const { adapter } = await inspect("models/aligned+models/adapter");
 * console.log(adapter?.rank, adapter?.alpha); // 8 16
 * ```
 */
export async function inspect(model: string, options: InspectOptions = {}): Promise<ModelFacts> {
  options.signal?.throwIfAborted();
  return inspectModel(parseModelReference(model, existsSync), {
    addon: loadAddon(),
    cache: options.transformersCache,
  });
}
