// A prepared merge as one that writes FP8: its plan, and what config.json says of it, as compressed-tensors has it and vLLM and
// transformers read it (scheme FP8_DYNAMIC: weights static with a scale a row, activations scaled as they come, token by token).

import { embeddingNames, inOtherTower } from "../../../checkpoint/families.js";
import type { JsonObject } from "../../../checkpoint/json.js";
import type { BuiltPlan } from "../../../plan/build.js";
import { fp8Plan } from "../../../plan/fp8/fp8Plan.js";

/** @throws RetemperError INCOMPATIBLE for a model without linear layers */
export function fp8Output(merged: BuiltPlan, outShardSize: number | undefined): BuiltPlan {
  const { built, kept } = fp8Plan(merged, outShardSize);
  return { ...built, config: { ...built.config, quantization: settings(merged, kept) } };
}

function settings({ tensors }: BuiltPlan, kept: readonly string[]): JsonObject {
  const eightBits = { num_bits: 8, type: "float", symmetric: true, group_size: null };
  return {
    quant_method: "compressed-tensors",
    format: "float-quantized",
    quantization_status: "compressed",
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { ...eightBits, strategy: "channel", dynamic: false },
        input_activations: { ...eightBits, strategy: "token", dynamic: true },
        output_activations: null,
        format: "float-quantized",
      },
    },
    ignore: ignored(new Map(tensors.map((tensor) => [tensor.name, tensor])), kept),
    kv_cache_scheme: null,
  };
}

/**
 * Modules that stay as they are, by name; a tied head is one without a tensor. Models with towers are loaded under other
 * prefixes than their files have, so that theirs are patterns of names that end so.
 */
function ignored(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  kept: readonly string[],
): string[] {
  const { embedding, head } = embeddingNames(tensors);
  const modules = kept.filter((module) => `${module}.weight` !== embedding && `${module}.weight` !== head);
  const own = head === undefined ? "lm_head" : head.slice(0, -".weight".length);
  const names = [own, ...modules];
  if (![...tensors.keys()].some(inOtherTower)) return names;
  return names.map((name) => `re:(.*\\.)?${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
