// Numbers of a configuration that no model can have, refused before they are used: by every command, since what only
// one of them reads would be copied on by the others.

import { RetemperError } from "../errors.js";
import { textConfig } from "./families.js";
import type { JsonObject } from "./json.js";

/** Whole numbers above 0 wherever a configuration has them. */
const SIZES = ["num_hidden_layers", "n_layer", "hidden_size", "n_embd", "vocab_size"];
/** Those of which there may be none, as models of other kinds say. */
const SIZES_OR_NONE = [
  ...["intermediate_size", "n_inner", "head_dim", "num_attention_heads", "n_head", "num_key_value_heads"],
  ...["max_position_embeddings", "n_positions", "sliding_window", "sliding_window_pattern", "max_window_layers"],
];
/** Lists with an entry for each layer. */
const PER_LAYER = ["layer_types", "no_rope_layers", "layers_block_type"];

/** More than any model has. */
const MOST_LAYERS = 10_000;

/** @throws RetemperError BAD_INPUT that names the file and the key */
export function checkConfig(config: JsonObject, file: string): void {
  const text = textConfig(config);
  for (const level of text === config ? [config] : [config, text]) {
    for (const key of SIZES) checkSize(level, key, 1, file);
    for (const key of SIZES_OR_NONE) checkSize(level, key, 0, file);
    for (const key of PER_LAYER) {
      const list = level[key];
      if (!Array.isArray(list) || list.length <= MOST_LAYERS) continue;
      throw wrong(file, `${key} has ${list.length} entries, and no model has so many layers`);
    }
  }
}

/** What is no number is refused by the code that needs one. */
function checkSize(config: JsonObject, key: string, least: number, file: string): void {
  const value = config[key];
  if (typeof value !== "number" || (Number.isInteger(value) && value >= least)) return;
  throw wrong(
    file,
    `${key} is ${value}, not a ${least > 0 ? "positive " : ""}whole number${least > 0 ? "" : " of at least 0"}`,
  );
}

function wrong(file: string, message: string): RetemperError {
  return new RetemperError("BAD_INPUT", message, {
    file,
    hint: "The model needs the config.json that it was published with.",
  });
}
