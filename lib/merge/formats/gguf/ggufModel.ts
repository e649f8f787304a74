// What the configuration of a merge says of its GGUF file.

import { textConfig } from "../../../checkpoint/families.js";
import { familyOfModelType, GGUF_FAMILIES } from "../../../checkpoint/formats/gguf/families/families.js";
import type { JsonObject } from "../../../checkpoint/json.js";
import type { Checkpoint } from "../../../checkpoint/types.js";
import { updatedConfig } from "../../../checkpoint/updatedConfig.js";
import { RetemperError } from "../../../errors.js";
import type { BuiltPlan } from "../../../plan/build.js";
import type { GgufRequest } from "../../../plan/gguf/ggufPlan.js";

export interface GgufModel extends Pick<GgufRequest, "family" | "heads" | "layers"> {
  /** Of the language model. */
  readonly config: JsonObject;
}

/**
 * @param otherwise what to do with a model of another family, for the hint
 * @throws RetemperError INCOMPATIBLE for a model that GGUF files do not have
 */
export function ggufModel(built: BuiltPlan, leader: Checkpoint, otherwise: string): GgufModel {
  const whole = updatedConfig(leader.config, built.config);
  const config = { ...whole, ...textConfig(whole) };
  const family = familyOfModelType(String(config.model_type));
  if (!family) {
    const known = GGUF_FAMILIES.flatMap(({ modelTypes }) => modelTypes).join(", ");
    throw new RetemperError("INCOMPATIBLE", `GGUF files of the model type ${config.model_type} are not written`, {
      file: leader.folder,
      hint: `known are ${known}; ${otherwise}`,
    });
  }
  const query = Number(config.num_attention_heads ?? config.n_head);
  const key = Number(config.num_key_value_heads ?? query);
  return { family, heads: { query, key }, layers: Number(config.num_hidden_layers ?? config.n_layer), config };
}
