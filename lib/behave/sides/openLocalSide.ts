// A model of this machine: a folder, a base with an adapter, or a recipe whose merge is not written.

import { loadAddon } from "../../addon/load.js";
import { type JsonObject, readJsonObject } from "../../checkpoint/json.js";
import { locate } from "../../checkpoint/locate.js";
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
import type { Recipe } from "../../recipe/types.js";
import { findChatTemplate } from "../../tokenizer/chatTemplate.js";
import { openTokenizer } from "../../tokenizer/openTokenizer.js";
import type { BehaviourOptions } from "../types.js";
import { lineOf } from "./lineOf.js";
import type { LocalSide } from "./side.js";
import { storageOf } from "./storageOf.js";

/** @throws RetemperError as `openModel` does */
export async function openLocalSide(
  source: string | Recipe,
  lambda: number | undefined,
  options: BehaviourOptions,
): Promise<LocalSide> {
  const { signal, hub } = options;
  signal?.throwIfAborted();
  const recipe = recipeOf(source);
  const lambdas = lambda === undefined ? undefined : [lambda];
  const own = recipe === undefined ? undefined : await ownedFolder("retemper-behave-");
  try {
    const name = nameOf(source);
    if (recipe === undefined) await obtain([{ path: name }], { signal, hub });
    const checkpoint =
      recipe === undefined
        ? await openCheckpoint({ text: name, path: await locate({ path: name }) }, { addon: loadAddon() })
        : await mergedCheckpoint(name, await virtualMerge(recipe, own?.path as string, { signal, hub, lambdas }));
    const line = recipe === undefined ? undefined : await lineOf(recipe, lambda);
    const adapted = recipe !== undefined && recipe !== source;
    const folder = checkpoint.folder;
    const stopTokens = await stopTokensOf(checkpoint);
    const { engine, precision, threads, maxMemory, requireGpu } = options;
    return {
      kind: "local",
      facts: {
        name: lambda === undefined ? name : `${name}@lambda=${lambda}`,
        kind: recipe === undefined ? "folder" : adapted ? "adapter" : "recipe",
        ...(lambda !== undefined && { lambda }),
        ...storageOf(checkpoint),
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
      stored: recipe === undefined || adapted ? name : undefined,
      line,
      open: () => openModel(source, { engine, precision, threads, maxMemory, requireGpu, lambdas, signal, hub }),
      close: async () => await own?.remove(),
    };
  } catch (error) {
    await own?.remove();
    throw error;
  }
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
