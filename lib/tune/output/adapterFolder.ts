// An adapter's folder as PEFT writes it: adapter_config.json and adapter_model.safetensors.

import { join } from "node:path";
import { encodeTensors, type FloatTensor } from "../../checkpoint/tensorFile.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { Selection } from "../adapter/modules.js";
import { parametersOf, type Term } from "../adapter/terms.js";
import type { TuneSettings } from "../settings.js";

/** What adapter_config.json says. */
export function adapterConfig(base: string, { modules, targetModules }: Selection, settings: TuneSettings): object {
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    revision: null,
    inference_mode: true,
    r: settings.rank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    target_modules: targetModules,
    use_rslora: settings.rslora,
    use_dora: settings.dora,
    bias: "none",
    fan_in_fan_out: modules.every(({ layout }) => layout === "in-out"),
    init_lora_weights: true,
    modules_to_save: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
  };
}

export function tensorsOf(terms: readonly Term[]): Map<string, FloatTensor> {
  const parameters = terms.flatMap(parametersOf);
  return new Map(parameters.map(({ key, shape, values }) => [key, { shape, values }]));
}

/** The configuration is written last: a folder without it is no adapter. */
export async function writeAdapter(folder: string, config: object, terms: readonly Term[]): Promise<void> {
  await writeWhole(join(folder, "adapter_model.safetensors"), encodeTensors(tensorsOf(terms)));
  await writeWhole(join(folder, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
}
