// The models of a recipe that are not on this machine are downloaded before they are opened.

import { type DownloadOptions, obtain } from "../checkpoint/obtain.js";
import { namedModels } from "../recipe/references.js";
import type { ModelReference, ParsedRecipe } from "../recipe/types.js";
import type { MergeProgress } from "./options.js";

export interface ObtainInputsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly transformersCache?: string | undefined;
  readonly models?: Readonly<Record<string, string>> | undefined;
  readonly hub?: DownloadOptions | undefined;
  /** Told of the download too, where `hub` has no listener of its own. */
  readonly onProgress?: ((progress: MergeProgress) => void) | undefined;
}

/** @throws RetemperError as `obtain` */
export async function obtainInputs(recipe: ParsedRecipe, options: ObtainInputsOptions): Promise<void> {
  const { signal, transformersCache: cache, models: named, hub, onProgress } = options;
  await obtain(partsOf(namedModels(recipe)), { signal, cache, named, hub: { onProgress, ...hub } });
}

/** The models and adapters of references, each by itself. */
export function partsOf(references: readonly ModelReference[]) {
  return references.flatMap(({ path, revision, lora }) => [{ path, revision }, ...(lora ? [lora] : [])]);
}
