// Opens a checkpoint: finds its folder, reads configuration and headers, refuses what cannot be merged. No tensor is read.

import { RetemperError } from "../errors.js";
import { openAdapter } from "./adapter.js";
import { checkConfig } from "./checkConfig.js";
import { dequantise } from "./formats/quantised/dequantise.js";
import { CONFIG_LIMIT, type JsonObject, parseObject, readText } from "./json.js";
import { knownDtypes } from "./knownDtypes.js";
import { type LocateOptions, locate } from "./locate.js";
import { type ModelFolder, openFolder, optionalFileOf } from "./modelFolder.js";
import { refuseQuantised } from "./quantised.js";
import { readSmall } from "./readSmall.js";
import { withoutSharedHead } from "./sharedHead.js";
import type { Checkpoint } from "./types.js";
import { type HeaderReader, readWeights } from "./weights.js";

/** A model reference, as recipes have it; `text` is what the user wrote. */
export interface CheckpointReference {
  readonly text: string;
  readonly path: string;
  readonly revision?: string | undefined;
  readonly lora?: { readonly path: string; readonly revision?: string | undefined } | undefined;
}

export interface OpenOptions extends LocateOptions {
  readonly addon: HeaderReader;
  /** The caller reads tensors by plans of the engine, which decodes them; by default a model with encoded ones is refused. */
  readonly decodes?: boolean | undefined;
}

/**
 * Opens a model, and its adapter where the reference has one. A text is a path or hub id by itself.
 * @throws RetemperError BAD_INPUT for what does not exist, is broken, unsafe or quantised in a way that is not read; INCOMPATIBLE for an adapter of
 * another model; IO.
 */
export async function openCheckpoint(
  reference: CheckpointReference | string,
  options: OpenOptions,
): Promise<Checkpoint> {
  const { text, path, revision, lora } = referenceOf(reference);
  const folder = await openFolder(await locate({ path, revision }, options));
  const { files, tensors: stored, notes } = await readWeights(folder, options.addon);
  const { config: written, configText } = await readConfig(folder);
  const plain = dequantise({
    folder: folder.path,
    tensors: withoutSharedHead(stored, written),
    config: written,
    read: (tensor) => readSmall(tensor, files, options.addon),
  });
  const { config } = plain;
  refuseQuantised({ folder: folder.path, tensors: plain.tensors, config });
  const tensors = knownDtypes(plain.tensors, folder.path);
  if (!options.decodes) refuseEncoded(tensors, folder.path);
  const lost = [...(notes ?? []), ...plain.notes];
  const base: Checkpoint = {
    ...{ reference: text, folder: folder.path, files, tensors, config, configText },
    ...(lost.length > 0 && { notes: lost }),
  };
  if (!lora) return base;
  return { ...base, adapter: await openAdapter(await locate(lora, options), base, options) };
}

/** What works on stored bytes would take blocks for numbers. */
function refuseEncoded(tensors: Checkpoint["tensors"], file: string): void {
  const [encoded] = [...tensors.values()].filter(({ encoding }) => encoding !== undefined);
  if (!encoded) return;
  const { blocks, codes } = encoded.encoding ?? {};
  throw new RetemperError(
    "BAD_INPUT",
    `this needs weights as plain numbers, and here they are ${blocks ? `blocks of ${blocks}` : codes ? "quantised codes" : "stored in another order"}`,
    {
      file,
      tensor: encoded.name,
      hint: "Write them as safetensors first: a merge of this model alone (merge_method: passthrough).",
    },
  );
}

export function referenceOf(reference: CheckpointReference | string): CheckpointReference {
  return typeof reference === "string" ? { text: reference, path: reference } : reference;
}

/**
 * config.json and its text; {} and undefined when there is none.
 * @throws RetemperError BAD_INPUT for what is no JSON, or holds numbers that no model has
 */
export async function readConfig(folder: ModelFolder): Promise<{ config: JsonObject; configText: string | undefined }> {
  const path = await optionalFileOf(folder, "config.json");
  if (path === undefined) return { config: {}, configText: undefined };
  const configText = await readText(path, CONFIG_LIMIT);
  const config = parseObject(path, configText, { infinity: true });
  checkConfig(config, path);
  return { config, configText };
}
