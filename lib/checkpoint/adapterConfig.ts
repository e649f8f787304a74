// adapter_config.json of a PEFT adapter: which of its settings change the merged weights, and those that we refuse by
// name, because their weights are not W + scale * B A.

import { RetemperError } from "../errors.js";
import type { JsonObject } from "./json.js";

export interface AdapterSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly rsLora: boolean;
  readonly dora: boolean;
  readonly fanInFanOut: boolean;
  /** lora_bias: B has a bias of its own. */
  readonly loraBias: boolean;
  /** Regular expression -> rank, in the file's order. */
  readonly rankPattern: ReadonlyMap<string, number>;
  readonly alphaPattern: ReadonlyMap<string, number>;
  readonly modulesToSave: readonly string[];
  /** Parameters that are adapted by themselves, by the ends of their names: `mlp.experts.gate_up_proj`. */
  readonly targetParameters: readonly string[];
  /** ensure_weight_tying: what is saved for the embedding holds for the head too. */
  readonly tied: boolean;
}

/** Features that need more than W + scale * B A, by the key that switches them on. */
const REFUSED_FEATURES: Readonly<Record<string, string>> = {
  alora_invocation_tokens: "aLoRA (active only after its invocation tokens)",
  arrow_config: "Arrow (routes between adapters token by token)",
  kasa_config: "KaSA (truncates the base weights)",
  layer_replication: "layer_replication (changes the number of layers)",
  monteclora_config: "MonteCLoRA (samples its weights)",
  trainable_token_indices: "trainable_token_indices (single rows of the embedding)",
  use_bdlora: "BD-LoRA (block-diagonal factors)",
  use_qalora: "QA-LoRA (group-wise pooled inputs)",
};

/** Initialisations that change the base weights the adapter was trained on. */
const REFUSED_INITIALISATIONS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^pissa(_niter_\d+)?$/i, "PiSSA"],
  [/^olora$/i, "OLoRA"],
  [/^corda$/i, "CorDA"],
  [/^loftq$/i, "LoftQ"],
  [/^lora_ga$/i, "LoRA-GA"],
];
const PLAIN_INITIALISATIONS: ReadonlySet<unknown> = new Set([
  ...[undefined, null, true, false, "gaussian", "eva", "orthogonal", "mica"],
]);
/** `*_config` and `use_*` keys that leave the merged weights alone; others that are set are refused as unknown. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["eva_config", "corda_config", "loftq_config", "lora_ga_config", "megatron_config", "velora_config"],
  ...["runtime_config", "use_rslora", "use_dora", "use_cache"],
]);

/**
 * Reads the settings.
 * @throws RetemperError BAD_INPUT for another kind of adapter, a refused feature, or a value of the wrong type.
 */
export function adapterSettings(config: JsonObject, file: string): AdapterSettings {
  refuseOthers(config, file);
  const { lora_alpha: alpha = 8, r: rank = 8, modules_to_save: saved } = config;
  return {
    rank: positive(rank, "r", file),
    alpha: finite(alpha, "lora_alpha", file),
    rsLora: flag(config, "use_rslora", file),
    dora: flag(config, "use_dora", file),
    fanInFanOut: flag(config, "fan_in_fan_out", file),
    loraBias: flag(config, "lora_bias", file),
    rankPattern: pattern(config, "rank_pattern", file, positive),
    alphaPattern: pattern(config, "alpha_pattern", file, finite),
    targetParameters: names(config, "target_parameters", file),
    modulesToSave: Array.isArray(saved) ? saved.filter((name) => typeof name === "string") : [],
    tied: flag(config, "ensure_weight_tying", file),
  };
}

function refuseOthers(config: JsonObject, file: string): void {
  const refuse = (what: string, hint: string) => {
    throw new RetemperError("BAD_INPUT", what, { file, hint });
  };
  if (config.peft_type !== "LORA") {
    const type = config.peft_type === undefined ? "no peft_type" : `peft_type ${JSON.stringify(config.peft_type)}`;
    refuse(
      `${type.slice(0, 100)}: only adapters of type LORA can be merged`,
      "Merge it with PEFT and use the merged model.",
    );
  }
  const init = config.init_lora_weights;
  const changed = typeof init === "string" ? REFUSED_INITIALISATIONS.find(([form]) => form.test(init)) : undefined;
  if (changed) {
    refuse(
      `the adapter was initialised by ${changed[1]}, which changes the base weights under it`,
      "Save it again with path_initial_model_for_weight_conversion (PEFT), which makes a plain LoRA adapter of it.",
    );
  }
  if (!PLAIN_INITIALISATIONS.has(init)) {
    refuse(
      `unknown init_lora_weights ${JSON.stringify(init)?.slice(0, 100)}`,
      "Merge it with PEFT and use the merged model.",
    );
  }
  for (const [key, value] of Object.entries(config)) {
    const known = Object.hasOwn(REFUSED_FEATURES, key) ? REFUSED_FEATURES[key] : undefined;
    const unknown = /^use_|_config$/.test(key) && !HARMLESS.has(key) ? `${key} (unknown)` : undefined;
    const feature = known ?? unknown;
    if (feature && isOn(value)) refuse(`the adapter uses ${feature}`, "Merge it with PEFT and use the merged model.");
  }
  const { bias } = config;
  if (bias !== undefined && bias !== null && !["none", "all", "lora_only"].includes(bias as string)) {
    refuse(
      `bias must be none, all or lora_only, not ${JSON.stringify(bias)?.slice(0, 100)}`,
      "Check adapter_config.json.",
    );
  }
}

/** Set to something: null, false, 0, "", [] and {} are the ways to leave a feature off. */
function isOn(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value);
}

function flag(config: JsonObject, key: string, file: string): boolean {
  const value = config[key] ?? false;
  if (typeof value !== "boolean") throw wrong(key, "true or false", value, file);
  return value;
}

function names(config: JsonObject, key: string, file: string): readonly string[] {
  const value = config[key] ?? [];
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value as string[];
  throw wrong(key, "a list of names", value, file);
}

function positive(value: unknown, key: string, file: string): number {
  if (!Number.isSafeInteger(value) || (value as number) <= 0) throw wrong(key, "a positive integer", value, file);
  return value as number;
}

function finite(value: unknown, key: string, file: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(key, "a number", value, file);
  return value;
}

function pattern(
  config: JsonObject,
  key: string,
  file: string,
  check: (value: unknown, key: string, file: string) => number,
): ReadonlyMap<string, number> {
  const value = config[key] ?? {};
  if (typeof value !== "object" || Array.isArray(value)) throw wrong(key, "an object", value, file);
  return new Map(Object.entries(value as object).map(([form, entry]) => [form, check(entry, `${key}.${form}`, file)]));
}

function wrong(key: string, expected: string, value: unknown, file: string): RetemperError {
  return new RetemperError("BAD_INPUT", `${key} must be ${expected}, not ${JSON.stringify(value)?.slice(0, 100)}`, {
    file,
  });
}
