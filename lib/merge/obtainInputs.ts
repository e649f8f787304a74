// The models of a recipe that are not on this machine are downloaded before they are opened.

import { type DownloadOptions, notHere, obtain } from "../checkpoint/obtain.js";
import { withHeaders, withHeadersIfPossible } from "../checkpoint/standIns.js";
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

/**
 * @param check what opens the models and plans on them: done with their headers alone before anything large is downloaded
 * @throws RetemperError as `obtain`, and as `check`
 */
export async function obtainInputs(
  recipe: ParsedRecipe,
  options: ObtainInputsOptions,
  check?: (models: Readonly<Record<string, string>>) => Promise<unknown>,
): Promise<void> {
  const { onProgress } = options;
  const parts = partsOf(namedModels(recipe));
  const places = placesOf(options);
  if ((await notHere(parts, places)).length === 0) return;
  if (check) {
    await withHeadersIfPossible(parts, lookAt(recipe, options), (named) => check({ ...options.models, ...named }));
  }
  await obtain(parts, { ...places, hub: { onProgress, ...places.hub } });
}

/** Does `work` with the models of a recipe, of which only headers and configuration are read: those that are not here stay where they are. */
export async function withInputHeaders<T>(
  recipe: ParsedRecipe,
  options: ObtainInputsOptions,
  work: (models: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  const parts = partsOf(namedModels(recipe));
  return withHeaders(parts, lookAt(recipe, options), (named) => work({ ...options.models, ...named }));
}

/** True where nothing would be downloaded. */
export async function inputsAreHere(recipe: ParsedRecipe, options: ObtainInputsOptions): Promise<boolean> {
  return (await notHere(partsOf(namedModels(recipe)), placesOf(options))).length === 0;
}

function lookAt(recipe: ParsedRecipe, options: ObtainInputsOptions) {
  return { ...placesOf(options), tokenizers: recipe.tokenizer !== undefined };
}

function placesOf({ signal, transformersCache: cache, models: named, hub }: ObtainInputsOptions) {
  return { signal, cache, named, hub };
}

/** The models and adapters of references, each by itself. */
function partsOf(references: readonly ModelReference[]) {
  return references.flatMap(({ path, revision, lora }) => [{ path, revision }, ...(lora ? [lora] : [])]);
}
