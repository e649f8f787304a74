// Heads that are the embedding's own bytes: what torch.save keeps of tied weights under two names, as safetensors never does.

import { embeddingNames, textConfig } from "./families.js";
import type { JsonObject } from "./json.js";
import type { RawTensor } from "./types.js";

/** The tensors without a head that is tied to the embedding, unless the configuration denies that they are tied. */
export function withoutSharedHead(
  tensors: ReadonlyMap<string, RawTensor>,
  config: JsonObject,
): ReadonlyMap<string, RawTensor> {
  const names = embeddingNames(tensors);
  const embedding = tensors.get(names.embedding ?? "");
  const head = tensors.get(names.head ?? "");
  const declared = textConfig(config).tie_word_embeddings ?? config.tie_word_embeddings;
  if (!embedding || !head || declared === false) return tensors;
  const same = head.file === embedding.file && head.offset === embedding.offset && head.bytes === embedding.bytes;
  return same ? new Map([...tensors].filter(([name]) => name !== names.head)) : tensors;
}
