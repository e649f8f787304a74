// Modules of a model (language model, vision tower, projector, …) as sets of tensors, under the names that recipes use.

/** A module's name -> the prefixes that its tensors may have, the longer ones first. */
const PREFIXES: Readonly<Record<string, readonly string[]>> = {
  multi_modal_projector: [
    ...["model.multi_modal_projector.", "multi_modal_projector.", "model.mm_projector.", "mm_projector."],
    ...[
      "model.visual.merger.",
      "model.visual.deepstack_merger_list.",
      "visual.merger.",
      "visual.deepstack_merger_list.",
    ],
    ...["model.connector.", "connector.", "model.embed_vision.", "mlp1."],
  ],
  vision_tower: [
    ...["model.vision_tower.", "vision_tower.", "model.vision_model.", "vision_model.", "model.visual.", "visual."],
    ...["model.vision_embed_tokens.", "vision_embed_tokens."],
  ],
  audio_tower: ["model.audio_tower.", "audio_tower.", "model.audio_model.", "audio_model."],
  encoder: ["model.encoder.", "encoder."],
  decoder: ["model.decoder.", "decoder."],
  shared: ["model.shared.", "shared."],
};

const FORMS = Object.entries(PREFIXES).map(
  ([module, prefixes]) => [module, new RegExp(`^(?:${prefixes.join("|").replaceAll(".", "\\.")})`)] as const,
);

/** Names that mean another module's. */
const ALIASES: Readonly<Record<string, string>> = {
  vision_model: "vision_tower",
  vision_encoder: "vision_tower",
  visual: "vision_tower",
  mm_projector: "multi_modal_projector",
  projector: "multi_modal_projector",
  connector: "multi_modal_projector",
  audio_encoder: "audio_tower",
  text_model: "text_decoder",
  language_model: "text_decoder",
  text: "text_decoder",
  default: "text_decoder",
};

/** Modules that stand beside a language model; the language model is what they leave. */
const BESIDE_TEXT = ["multi_modal_projector", "vision_tower", "audio_tower"] as const;

/**
 * A test for the tensors of a module. `name` is a prefix of the checkpoint's own tensor names ("language_model."), or one
 * of the usual names: text_decoder, vision_tower, multi_modal_projector, audio_tower, encoder, decoder, and their aliases.
 * @returns undefined when no tensor of the checkpoint belongs to such a module.
 */
export function moduleTest(name: string, tensorNames: Iterable<string>): ((tensor: string) => boolean) | undefined {
  const names = [...tensorNames];
  const canonical = Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name;
  const usual =
    canonical === "text_decoder"
      ? (tensor: string) => !BESIDE_TEXT.includes(moduleOf(tensor) as (typeof BESIDE_TEXT)[number])
      : Object.hasOwn(PREFIXES, canonical)
        ? (tensor: string) => moduleOf(tensor) === canonical
        : undefined;
  if (usual && names.some(usual)) return usual;
  const prefix = name === "" || name.endsWith(".") ? name : `${name}.`;
  const own = (tensor: string) => tensor.startsWith(prefix);
  return names.some(own) ? own : undefined;
}

/** The module of a tensor; text_decoder when it is in none of the others. */
export function moduleOf(tensor: string): string {
  return FORMS.find(([, form]) => form.test(tensor))?.[0] ?? "text_decoder";
}

/** The usual names of the modules that a checkpoint has, for error messages and inspection. */
export function modulesOf(tensorNames: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const name of tensorNames) found.add(moduleOf(name));
  return [...found].sort();
}
