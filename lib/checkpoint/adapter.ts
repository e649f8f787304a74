// Opens a PEFT LoRA adapter over a base checkpoint: what it does to each tensor of the base, from headers alone.

import { RetemperError } from "../errors.js";
import { adapterSettings } from "./adapterConfig.js";
import { adapterContents } from "./adapterContents.js";
import { AdapterEffects, type Faults } from "./adapterEffects.js";
import { findAdapterFile, readAdapterFile } from "./adapterFile.js";
import { targetedParameters } from "./expertEffects.js";
import { embeddingNames } from "./families.js";
import { readJsonObject } from "./json.js";
import { knownDtypes } from "./knownDtypes.js";
import { listing } from "./listing.js";
import { fileOf, openFolder, optionalFileOf } from "./modelFolder.js";
import { nearestNames } from "./nearestNames.js";
import type { Adapter, Checkpoint, StoredFile } from "./types.js";
import type { HeaderReader } from "./weights.js";

/**
 * Opens an adapter.
 * @param located its folder
 * @param base the checkpoint that it adapts
 * @throws RetemperError BAD_INPUT for a file that is broken, pickled, or of a kind that is not W + scale * B A;
 * INCOMPATIBLE where it does not fit the base, all differences in one error.
 */
export async function openAdapter(
  located: string,
  base: Checkpoint,
  { addon }: { readonly addon: HeaderReader },
): Promise<Adapter> {
  const folder = await openFolder(located);
  const configPath = await optionalFileOf(folder, "adapter_config.json");
  if (configPath === undefined) {
    throw new RetemperError("BAD_INPUT", "there is no adapter_config.json: this is no PEFT adapter", {
      file: folder.path,
      hint: "After the + comes the folder of a LoRA adapter; whole models are listed as models of their own.",
    });
  }
  const config = await readJsonObject(configPath);
  const settings = adapterSettings(config, configPath);
  const path = (await findAdapterFile(folder)) ?? (await fileOf(folder, "adapter_model.safetensors"));
  const weights = await readAdapterFile(path, addon);
  const tensors = knownDtypes(weights.tensors, path);

  const contents = adapterContents(tensors, path, (module) => targetedParameters(settings, module).length > 0);
  const merged = new AdapterEffects(base, settings, contents, configPath).build();
  report(merged.faults, contents.unknown, base, path);
  return { folder: folder.path, config, ...untied(merged, base, weights.files) };
}

function report(
  { broken, unmatched, shapes }: Faults,
  unknown: readonly string[],
  base: Checkpoint,
  file: string,
): void {
  if (broken.length > 0) {
    throw new RetemperError("BAD_INPUT", `The adapter is broken:${listing(broken)}`, {
      file,
      hint: "Save or download the adapter again.",
    });
  }
  if (unknown.length > 0) {
    throw new RetemperError(
      "BAD_INPUT",
      `The adapter holds tensors that a LoRA adapter of PEFT does not have:${listing(unknown)}`,
      {
        file,
        hint: "Their effect is unknown, so they are not left out silently. Merge the adapter with PEFT and use the merged model.",
      },
    );
  }
  if (unmatched.length > 0) {
    const lines = nearestNames(unmatched, base.tensors.keys());
    throw new RetemperError("INCOMPATIBLE", `The base ${base.reference} has no such tensors:${listing(lines)}`, {
      file,
      hint: "The adapter belongs to another model: see base_model_name_or_path in its adapter_config.json.",
    });
  }
  if (shapes.length > 0) {
    throw new RetemperError("INCOMPATIBLE", `The adapter does not fit the base ${base.reference}:${listing(shapes)}`, {
      file,
      hint: "The adapter belongs to another model: see base_model_name_or_path in its adapter_config.json.",
    });
  }
}

/** Files and tensors of the result. Where only a tied embedding was replaced, the head stays what it was: a copy of the base's. */
function untied(
  merged: AdapterEffects,
  base: Checkpoint,
  own: readonly StoredFile[],
): Omit<Adapter, "folder" | "config"> {
  const { effects, added, warnings } = merged;
  const files = [...own];
  const embedding = embeddingNames(base.tensors).embedding;
  const original = embedding === undefined ? undefined : base.tensors.get(embedding);
  if (merged.keepsHead && original && ![...added.keys()].some((name) => name.endsWith("lm_head.weight"))) {
    files.push(base.files[original.file] as StoredFile);
    added.set("lm_head.weight", { ...original, name: "lm_head.weight", file: files.length - 1 });
    warnings.push(`${embedding} was tied to the head and is replaced alone: lm_head.weight keeps the base's values.`);
  }
  return { files, effects, added, ...(warnings.length > 0 ? { warnings } : {}) };
}
