// Names of tensors in a PEFT adapter: which module of the model they belong to, and as what.

export type AdapterRole = "A" | "B" | "bias" | "embeddingA" | "embeddingB" | "magnitude";

export type AdapterKey =
  /** `inside`: how many other wrappers of the same module it lies inside of (adapters of parameters). */
  | { readonly kind: "factor"; readonly module: string; readonly role: AdapterRole; readonly inside: number }
  /** A copy of a base layer's own tensor, kept beside the adapter of that layer. */
  | { readonly kind: "base"; readonly name: string }
  /** A whole tensor, from modules_to_save, saved biases or saved embeddings. */
  | { readonly kind: "saved"; readonly name: string; readonly wrapped: boolean }
  | { readonly kind: "ignored" }
  | { readonly kind: "unknown" };

const PREFIX = ["base_model", "model"];
/** Modules that torch puts around others: compiled, sharded (FSDP), with recomputed activations. They leave names alone otherwise. */
const WRAPPERS: ReadonlySet<string> = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);
/** What trainers that save by themselves put before everything (DeepSpeed, DistributedDataParallel). */
const TRAINERS = "module";

/**
 * Takes a key apart. PEFT leaves the adapter's name out when it saves; other savers keep it ("default"), so one such
 * segment is allowed where PEFT's modules have it. Some leave PEFT's prefix out: a factor is known without it, and a module
 * that is saved whole; a plain name might be anything.
 */
export function parseAdapterKey(key: string): AdapterKey {
  const parts = key.split(".").filter((part) => !WRAPPERS.has(part));
  if (parts[0] === TRAINERS) parts.shift();
  const hasPrefix = () => PREFIX.every((part, at) => parts[at] === part);
  const prefixed = hasPrefix();
  while (hasPrefix()) parts.splice(0, PREFIX.length); // twice, where a model with an adapter was given one again
  const at = parts.findLastIndex((part) => part.startsWith("lora_"));
  if (at > 0) {
    const role = roleOf(parts[at] as string, parts.slice(at + 1));
    if (role === undefined) return { kind: "unknown" };
    const path = parts.slice(0, at);
    const inside = path.length - 1 - path.findLastIndex((part) => part !== "base_layer");
    return { kind: "factor", module: path.filter((part) => part !== "base_layer").join("."), role, inside };
  }
  if (!prefixed && !parts.includes("modules_to_save")) return { kind: "unknown" };
  if (parts.includes("original_module")) return { kind: "ignored" };
  const wrapper = parts.indexOf("modules_to_save");
  if (wrapper > 0) {
    const rest = parts.slice(wrapper + 1);
    if (rest.length > 1 && rest[0] === "default") rest.shift();
    return { kind: "saved", name: [...parts.slice(0, wrapper), ...rest].join("."), wrapped: true };
  }
  const name = parts.filter((part) => part !== "base_layer").join(".");
  return parts.includes("base_layer") ? { kind: "base", name } : { kind: "saved", name, wrapped: false };
}

function roleOf(factor: string, tail: readonly string[]): AdapterRole | undefined {
  const [last] = tail.slice(-1);
  const linear = last === "weight" || last === "bias";
  const names = linear ? tail.slice(0, -1) : tail;
  if (names.length > 1) return undefined;
  if (factor === "lora_A" && last === "weight") return "A";
  if (factor === "lora_B" && last === "weight") return "B";
  if (factor === "lora_B" && last === "bias") return "bias";
  if (factor === "lora_magnitude_vector" && last !== "bias") return "magnitude";
  if (factor === "lora_embedding_A" && !linear) return "embeddingA";
  if (factor === "lora_embedding_B" && !linear) return "embeddingB";
  return undefined;
}

/**
 * Where a tensor of the running model may lie in a checkpoint. Published checkpoints drop the model's prefix (GPT-2's
 * `h.0.`), or are older than a renaming of transformers (`language_model.model.` became `model.language_model.`).
 */
export function checkpointNames(name: string): string[] {
  const names = [name];
  const rest = /^(?:model|transformer|backbone|bert|roberta|gpt_neox|deberta|distilbert|electra)\.(.+)$/.exec(
    name,
  )?.[1];
  if (rest !== undefined) names.push(rest);
  names.push(`model.${name}`, `transformer.${name}`);
  const swaps: readonly (readonly [string, string])[] = [
    ["model.language_model.", "language_model.model."],
    ["model.language_model.", "model."],
    ["language_model.model.", "model.language_model."],
    ["model.visual.", "visual."],
    ["lm_head.", "language_model.lm_head."],
    ["language_model.lm_head.", "lm_head."],
  ];
  for (const [from, to] of swaps) if (name.startsWith(from)) names.push(to + name.slice(from.length));
  return names;
}
