// A model of this machine: a folder, a base with an adapter, or a recipe whose merge is not written.

import { existsSync } from "node:fs";
import { loadAddon } from "../../addon/load.js";
import { type JsonObject, readJsonObject } from "../../checkpoint/json.js";
import { openFolder, optionalFileOf } from "../../checkpoint/modelFolder.js";
import { obtain } from "../../checkpoint/obtain.js";
import { openCheckpoint } from "../../checkpoint/open.js";
import type { Checkpoint } from "../../checkpoint/types.js";
import { openModel } from "../../generate/openModel.js";
import { recipeOf } from "../../generate/virtual/recipeOf.js";
import { virtualMerge } from "../../merge/virtualMerge.js";
import { decoderSpec } from "../../nn/families/decoderSpec.js";
import { stopTokensOf } from "../../nn/families/stopTokens.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import { mergedCheckpoint } from "../../nn/virtual/virtualCheckpoint.js";
import { ownedFolder } from "../../output/ownedFolder.js";
import { isRecipeText } from "../../recipe/load.js";
import { parseModelReference } from "../../recipe/modelReference.js";
import type { Recipe } from "../../recipe/types.js";
import { findChatTemplate } from "../../tokenizer/chatTemplate.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import type { BehaviourMerge, BehaviourOptions } from "../types.js";
import { lineOf } from "./lineOf.js";
import type { LocalSide } from "./side.js";
import { storageOf } from "./storageOf.js";

/** @throws RetemperError as `openModel` does */
export async function openLocalSide(
  { recipe: source, lambda, seed }: BehaviourMerge,
  options: BehaviourOptions,
): Promise<LocalSide> {
  const { signal, hub } = options;
  signal?.throwIfAborted();
  const wanted = recipeOf(source);
  const name = nameOf(source);
  // A model by itself, or a base with its adapter: all its tensors lie in files.
  const stored = wanted === undefined || wanted !== source ? await storedCheckpoint(name, options) : undefined;
  const recipe = wanted ?? (isEncoded(stored) ? { merge_method: "passthrough", models: [{ model: name }] } : undefined);
  const lambdas = lambda === undefined ? undefined : [lambda];
  const own = recipe === undefined ? undefined : await ownedFolder("retemper-behave-");
  try {
    const checkpoint =
      recipe === undefined
        ? (stored as Checkpoint)
        : await mergedCheckpoint(name, await virtualMerge(recipe, own?.path as string, { signal, hub, lambdas, seed }));
    const line = recipe === undefined ? undefined : await lineOf(recipe, lambda);
    const folder = checkpoint.folder;
    const stopTokens = await stopTokensOf(checkpoint);
    const { engine, precision, threads, maxMemory, requireGpu } = options;
    return {
      kind: "local",
      facts: {
        name: lambda === undefined ? name : `${name}@lambda=${lambda}`,
        kind: wanted === undefined ? "folder" : stored ? "adapter" : "recipe",
        ...(lambda !== undefined && { lambda }),
        ...storageOf(stored?.adapter ? checkpoint : (stored ?? checkpoint)),
      },
      source,
      lambda,
      folder,
      checkpoint,
      generation: await generationOf(folder),
      template: await findChatTemplate(folder),
      tokenizer: await openTokenizer(folder),
      stopTokens,
      spec: specOf(checkpoint, stopTokens),
      stored: stored && name,
      line,
      open: () => openModel(source, { engine, precision, threads, maxMemory, requireGpu, lambdas, seed, signal, hub }),
      close: async () => await own?.remove(),
    };
  } catch (error) {
    await own?.remove();
    throw error;
  }
}

/** Weights that are decoded when they are needed: of a GGUF file, or quantised. They are run as the merge of one model. */
function isEncoded(checkpoint: Checkpoint | undefined): boolean {
  return [...(checkpoint?.tensors.values() ?? [])].some(({ encoding }) => encoding !== undefined);
}

async function storedCheckpoint(name: string, { signal, hub }: BehaviourOptions): Promise<Checkpoint> {
  const reference = existsSync(name) ? { text: name, path: name } : parseModelReference(name);
  await obtain([reference, ...(reference.lora ? [reference.lora] : [])], { signal, hub });
  return openCheckpoint(reference, { addon: loadAddon(), decodes: true });
}

function nameOf(source: string | Recipe): string {
  if (typeof source === "string" && !isRecipeText(source)) return source;
  const method =
    typeof source === "string" ? /merge_method["']?\s*:\s*["']?(\w+)/.exec(source)?.[1] : source.merge_method;
  return `${method ?? "unnamed"} merge`;
}

async function generationOf(folder: string): Promise<JsonObject> {
  const path = await optionalFileOf(await openFolder(folder), "generation_config.json");
  return path === undefined ? {} : await readJsonObject(path);
}

/** A family that is not known cannot be run here; what its files say is compared all the same. */
function specOf(checkpoint: Checkpoint, stopTokens: readonly number[]): DecoderSpec | undefined {
  try {
    return decoderSpec(checkpoint, stopTokens);
  } catch {
    return undefined;
  }
}
