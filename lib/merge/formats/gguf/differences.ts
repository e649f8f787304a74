// What llama.cpp has fixed in the code of a family, where a model's configuration says otherwise: the file would load, and
// answer as another model.

import type { GgufFamily } from "../../../checkpoint/formats/gguf/families/types.js";
import type { JsonObject } from "../../../checkpoint/json.js";
import { ropeWords } from "./ropeEntries.js";

/** Layers of the largest models, whose queries llama.cpp scales by the hidden size over the heads. */
const LARGEST: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 };
/** Of Gemma 3: each sixth layer sees everything. */
const PATTERN = 6;

/** beta_fast and beta_slow; those of the file are read for other families only. */
const YARN_TURNS = { fast: 32, slow: 1 };

/** A sentence for each difference. */
export function differences({ architecture, fixed }: GgufFamily, config: JsonObject, headSize: number): string[] {
  const found: string[] = [];
  const tell = (model: string, llama: string) =>
    found.push(`the model ${model}; llama.cpp ${llama}, and answers differently`);
  const { sliding_window: window, max_position_embeddings: longest } = config;
  const windowed = typeof window === "number" && typeof longest === "number" && window < longest;
  if (
    windowed &&
    (architecture === "llama" ||
      architecture === "phi3" ||
      (architecture.startsWith("qwen") && config.use_sliding_window === true))
  ) {
    tell(`attends to the last ${window} tokens`, "attends to all of them");
  }
  const scalar = config.query_pre_attn_scalar;
  const largest = LARGEST[architecture];
  if (
    largest !== undefined &&
    typeof scalar === "number" &&
    config.num_hidden_layers !== largest &&
    scalar !== headSize
  ) {
    tell(`divides queries by the root of ${scalar}`, `by that of a head's size, ${headSize}`);
  }
  if (architecture === "gemma3" && !hasPattern(config)) {
    tell("has another order of layers that see everything", `has one after every ${PATTERN - 1}`);
  }
  const { own: rope } = ropeWords(config, headSize);
  const [fast, slow] = [rope.beta_fast ?? YARN_TURNS.fast, rope.beta_slow ?? YARN_TURNS.slow];
  const isYarn = [rope.rope_type, rope.type].includes("yarn") && architecture !== "phi3";
  if (isYarn && (fast !== YARN_TURNS.fast || slow !== YARN_TURNS.slow)) {
    tell(
      `blends yarn's frequencies between ${fast} and ${slow} turns`,
      `does between ${YARN_TURNS.fast} and ${YARN_TURNS.slow}`,
    );
  }
  const activation = config.hidden_act;
  if (fixed.hidden_act === "silu" && activation !== undefined && activation !== "silu" && activation !== "swish") {
    tell(`has the activation ${String(activation)}`, "has silu");
  }
  return found;
}

function hasPattern({ sliding_window_pattern: pattern, layer_types: types }: JsonObject): boolean {
  if (!Array.isArray(types)) return pattern === undefined || pattern === PATTERN;
  return types.every((type, layer) => (type === "full_attention") === ((layer + 1) % PATTERN === 0));
}
