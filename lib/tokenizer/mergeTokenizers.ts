// The tokenizer of a merge's output, from the recipe's `tokenizer` and `chat_template` to files and row gathers.

import { sidecars } from "../checkpoint/sidecars.js";
import { RetemperError } from "../errors.js";
import type { ModelReference, TokenizerRequest } from "../recipe/types.js";
import { buildTokenizer } from "./buildVocabulary.js";
import { chatTemplateFiles, chooseChatTemplate } from "./chatTemplate.js";
import { embeddingGathers } from "./embeddingRows.js";
import { readTokenizer, textOf } from "./readTokenizer.js";
import { indexOfModel } from "./references.js";
import type { EmbeddingGather, TokenizerModel } from "./types.js";

/** A model of the merge as the tokenizer's side of it needs it. */
export type TokenizerInput = Omit<TokenizerModel, "tokenizer">;

export interface OutputFile {
  /** Relative to the output's folder, with "/". */
  readonly name: string;
  /** Its text, or the file it is a copy of. */
  readonly content: string | { readonly copyFrom: string };
}

export interface TokenizerOutcome {
  readonly files: readonly OutputFile[];
  /** Rows of the output's embedding matrices; undefined without a request. */
  readonly vocabularySize?: number;
  /** One for each model, for its embeddings and its lm_head; undefined for one that only lends its tokenizer. */
  readonly gathers?: readonly (EmbeddingGather | undefined)[];
  readonly warnings: readonly string[];
}

/**
 * Merges the tokenizers of `models`.
 * @param request The recipe's `tokenizer`; without it all files are copied from the base, byte for byte.
 * @param chatTemplate The recipe's `chat_template`; without it the base's is kept.
 * @param models Those merged, in the recipe's order (the base among them), then, with `merged: false`, further ones
 *   that `modelsOfRequest` names.
 * @param base The base model; without it, the first model takes its place for the files.
 * @throws RetemperError BAD_INPUT, BAD_RECIPE or INCOMPATIBLE.
 */
export async function mergeTokenizers(
  request: TokenizerRequest | undefined,
  chatTemplate: string | undefined,
  models: readonly TokenizerInput[],
  base: ModelReference | undefined,
): Promise<TokenizerOutcome> {
  const baseIndex = base === undefined ? 0 : indexOfModel(models, base);
  const outcome = request === undefined ? undefined : await align(request, models, base);
  const folder = models[outcome?.source ?? baseIndex]?.folder;
  if (folder === undefined) throw new RetemperError("INTERNAL", "a merge without models has no tokenizer");

  const changed = new Map(outcome?.changed);
  const warnings = [...(outcome?.warnings ?? [])];
  if (chatTemplate !== undefined) {
    const merged = models.filter((model) => model.merged !== false);
    const template = await chooseChatTemplate(
      chatTemplate,
      merged.map((model) => model.folder),
    );
    if (template === undefined) warnings.push("chat_template: auto finds no chat template in any of the models");
    else {
      const config = changed.get("tokenizer_config.json");
      const text = config ?? (await textOf(folder, "tokenizer_config.json"));
      for (const [name, content] of await chatTemplateFiles(template, folder, text)) changed.set(name, content);
    }
  }

  const copied = (await sidecars(folder)).filter(
    ({ name, kind }) => (kind === "tokenizer" || kind === "template") && !changed.has(name),
  );
  const files: OutputFile[] = [
    ...[...changed].map(([name, content]) => ({ name, content })),
    ...copied.map(({ name, path }) => ({ name, content: { copyFrom: path } })),
  ];
  return {
    files: files.sort((x, y) => (x.name < y.name ? -1 : 1)),
    ...(outcome === undefined ? {} : { vocabularySize: outcome.vocabularySize, gathers: outcome.gathers }),
    warnings,
  };
}

const WITHOUT_ONE = "; a merge needs none if its recipe has neither tokenizer_source nor tokenizer";

async function align(
  request: TokenizerRequest,
  models: readonly TokenizerInput[],
  base: ModelReference | undefined,
): Promise<ReturnType<typeof buildTokenizer> & { gathers: (EmbeddingGather | undefined)[] }> {
  const opened: TokenizerModel[] = [];
  // One after the other: a tokenizer.json of tens of megabytes takes ten times its size while it is read.
  for (const model of models) opened.push({ ...model, tokenizer: await readTokenizer(model.folder, WITHOUT_ONE) });
  const merged = buildTokenizer(request, opened, base);
  return { ...merged, gathers: embeddingGathers(merged, opened) };
}
