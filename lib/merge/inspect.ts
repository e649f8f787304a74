// `inspect`: what a model is, from its headers and configuration.

import { existsSync } from "node:fs";
import { loadAddon } from "../addon/load.js";
import { inspectModel, type ModelFacts } from "../checkpoint/inspect.js";
import type { DownloadOptions } from "../checkpoint/obtain.js";
import { withHeaders } from "../checkpoint/standIns.js";
import { parseModelReference } from "../recipe/modelReference.js";

export interface InspectOptions {
  readonly signal?: AbortSignal | undefined;
  /** The hub cache to look the model up in; default HF_HUB_CACHE, else HF_HOME/hub. */
  readonly transformersCache?: string | undefined;
  /** How the hub is asked for a model that is not on this machine; by default the environment says it. */
  readonly hub?: DownloadOptions | undefined;
}

/**
 * Looks at a model, an adapter, or a model with an adapter (`path[@revision][+lora[@revision]]`). No tensor is read, and of a model
 * on the hub that is not here nothing but headers is downloaded: `folder` is then its address.
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
  const { signal, transformersCache: cache, hub } = options;
  signal?.throwIfAborted();
  const reference = parseModelReference(model, existsSync);
  const { path, revision, lora } = reference;
  const parts = [{ path, revision }, ...(lora ? [lora] : [])];
  return withHeaders(parts, { signal, cache, hub }, async (named, told) => {
    const facts = await inspectModel(reference, { addon: loadAddon(), cache, named });
    const { folder, adapter } = facts;
    return {
      ...facts,
      folder: told(folder),
      ...(adapter && { adapter: { ...adapter, folder: told(adapter.folder) } }),
    };
  });
}
