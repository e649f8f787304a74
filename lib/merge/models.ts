// Opens every model that a recipe names, once each, from headers and configuration.

import { openCheckpoint } from "../checkpoint/open.js";
import type { Checkpoint } from "../checkpoint/types.js";
import type { HeaderReader } from "../checkpoint/weights.js";
import { RetemperError } from "../errors.js";
import { mergedModels } from "../recipe/references.js";
import type { ModelReference, ParsedRecipe } from "../recipe/types.js";

export interface OpenModels {
  /** By reference text, in the order of the recipe; a base that is listed nowhere comes last. */
  readonly checkpoints: ReadonlyMap<string, Checkpoint>;
  readonly references: ReadonlyMap<string, ModelReference>;
  /** The model that gives configuration and tokenizer: the base, else the first. */
  readonly leader: Checkpoint;
  readonly warnings: readonly string[];
}

export interface OpenModelsOptions {
  readonly addon: HeaderReader;
  readonly signal?: AbortSignal | undefined;
  readonly cache?: string | undefined;
  /** Folders of models that the recipe calls by a name of the caller's. */
  readonly named?: Readonly<Record<string, string>> | undefined;
}

/** @throws RetemperError BAD_INPUT for a model that does not exist or cannot be trusted; IO. */
export async function openModels(recipe: ParsedRecipe, options: OpenModelsOptions): Promise<OpenModels> {
  const references = new Map(mergedModels(recipe).map((model) => [model.text, model]));
  const checkpoints = new Map<string, Checkpoint>();
  const warnings: string[] = [];
  for (const [text, reference] of references) {
    options.signal?.throwIfAborted();
    const checkpoint = await openCheckpoint(reference, { ...options, decodes: true });
    checkpoints.set(text, checkpoint);
    const { notes = [], adapter } = checkpoint;
    for (const warning of [...notes, ...(adapter?.warnings ?? [])]) warnings.push(`${text}: ${warning}`);
  }
  const [first] = checkpoints.values();
  const leader = recipe.baseModel ? checkpoints.get(recipe.baseModel.text) : first;
  if (!leader) throw new RetemperError("BAD_RECIPE", "the recipe names no model", { file: recipe.file });
  return { checkpoints, references, leader, warnings };
}
