// The vocabulary of a merge: the base's, another model's, or the union of all, and where every model's rows go in it.
// Every step is linear in the number of tokens. New tokens are added tokens: the source's own model (its pieces, its
// merges) stays as it is, so text of the source is split as before.

import { RetemperError } from "../errors.js";
import type { ModelReference, TokenizerChoice, TokenizerRequest, TokenSource } from "../recipe/types.js";
import { type AddedToken, MAX_TOKENS, quote, sameFlags } from "./addedTokens.js";
import { changedFiles } from "./changedFiles.js";
import { indexOfModel } from "./references.js";
import type { MergedTokenizer, RowOverride, TokenizerModel } from "./types.js";

/**
 * Builds the tokenizer that `request` asks for.
 * @param models Those merged, in the recipe's order, and any that only lend their tokenizer.
 * @param base The recipe's base model; without one, the first model takes its place, but fills no rows.
 * @throws RetemperError INCOMPATIBLE where the request names a token or model that is not there.
 */
export function buildTokenizer(
  request: TokenizerRequest,
  models: readonly TokenizerModel[],
  base: ModelReference | undefined,
): MergedTokenizer {
  const warnings = models.flatMap(({ tokenizer }) => tokenizer.warnings);
  const baseIndex = base === undefined ? undefined : indexOfModel(models, base);
  const source = sourceIndex(request.source, models, baseIndex ?? 0);
  const start = modelAt(models, source);

  const tokens = presentTokens(start);
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (token !== undefined) ids.set(token, id);
  const known = new KnownAddedTokens(models, source);
  const appended: AddedToken[] = [];
  const append = (content: string): void => {
    if (ids.has(content)) return;
    const token = { ...known.flagsOf(content), id: tokens.length, content };
    if (token.id >= MAX_TOKENS) {
      throw new RetemperError("BAD_INPUT", `the merged vocabulary has more than ${MAX_TOKENS} tokens`);
    }
    tokens.push(content);
    ids.set(content, token.id);
    appended.push(token);
  };
  if (request.source.kind === "union") {
    for (const content of newVocabulary(models)) if (!known.has(content)) append(content);
    for (const content of known.contents()) append(content);
  }
  for (const content of Object.keys(request.tokens)) append(content);

  const permutations = models.map((model) => permutation(tokens, model));
  const overrides = rowOverrides(request, models, ids);
  for (const warning of known.conflicts()) warnings.push(warning);
  for (const warning of missingRows(tokens, models, permutations, overrides)) warnings.push(warning);
  const { changed, warnings: dropped } = changedFiles(start, appended);
  const multiple = request.padToMultipleOf ?? 1;
  const vocabularySize = Math.ceil(tokens.length / multiple) * multiple;
  if (vocabularySize > MAX_TOKENS) {
    const message = `tokenizer.pad_to_multiple_of: ${multiple} makes ${vocabularySize} rows of ${tokens.length}`;
    throw new RetemperError("BAD_RECIPE", `${message}; at most ${MAX_TOKENS} are allowed`);
  }
  return {
    source,
    changed,
    tokens,
    vocabularySize,
    permutations,
    overrides,
    base: baseIndex,
    warnings: [...new Set([...warnings, ...dropped])],
  };
}

function sourceIndex(choice: TokenizerChoice, models: readonly TokenizerModel[], base: number): number {
  return choice.kind === "model" ? indexOfModel(models, choice.model) : base;
}

function modelAt(models: readonly TokenizerModel[], index: number): TokenizerModel {
  const model = models[index];
  if (model === undefined) throw new RetemperError("INTERNAL", `there is no model ${index} to take a tokenizer from`);
  return model;
}

/** A model's tokens by id, without those beyond its embedding matrix. A copy. */
function presentTokens({ tokenizer, embeddingRows }: TokenizerModel): (string | undefined)[] {
  return tokenizer.tokens.slice(0, embeddingRows);
}

function* newVocabulary(models: readonly TokenizerModel[]): Iterable<string> {
  for (const { merged, tokenizer, embeddingRows } of models) {
    if (merged === false) continue;
    const count = Math.min(tokenizer.tokens.length, embeddingRows ?? Number.POSITIVE_INFINITY);
    for (let id = 0; id < count; id += 1) {
      const token = tokenizer.tokens[id];
      if (token !== undefined) yield token;
    }
  }
}

/** The added tokens of all models; of those that several have, the source's flags count, else the first's. */
class KnownAddedTokens {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #conflicts = new Map<string, string>();

  constructor(models: readonly TokenizerModel[], source: number) {
    const owners = new Map<string, string>();
    const ordered = [modelAt(models, source), ...models.filter((_, index) => index !== source)];
    for (const { merged, reference, tokenizer, embeddingRows } of ordered) {
      if (merged === false && reference !== ordered[0]?.reference) continue;
      for (const token of tokenizer.added) {
        if (embeddingRows !== undefined && token.id >= embeddingRows) continue;
        const first = this.#tokens.get(token.content);
        if (first === undefined) {
          this.#tokens.set(token.content, token);
          owners.set(token.content, reference.text);
        } else if (!sameFlags(first, token) && !this.#conflicts.has(token.content)) {
          const owner = owners.get(token.content) ?? "";
          const text = `added token ${quote(token.content)} has other flags in ${reference.text} than in ${owner}`;
          this.#conflicts.set(token.content, `${text}; those of ${owner} are kept`);
        }
      }
    }
  }

  has(content: string): boolean {
    return this.#tokens.has(content);
  }

  contents(): Iterable<string> {
    return this.#tokens.keys();
  }

  /** Flags for a new token: plain text for one that no model has as an added token. */
  flagsOf(content: string): Omit<AddedToken, "id" | "content"> {
    const plain = { singleWord: false, lstrip: false, rstrip: false, normalized: true, special: false };
    return this.#tokens.get(content) ?? plain;
  }

  conflicts(): Iterable<string> {
    return this.#conflicts.values();
  }
}

/** New id -> the model's id. Where the new vocabulary has an id without a name, so may the model. */
function permutation(
  tokens: readonly (string | undefined)[],
  { tokenizer, embeddingRows }: TokenizerModel,
): Int32Array {
  const rows = embeddingRows ?? tokenizer.tokens.length;
  return Int32Array.from(tokens, (token, id) => {
    const old = token === undefined ? (tokenizer.tokens[id] === undefined ? id : -1) : (tokenizer.ids.get(token) ?? -1);
    return old < rows ? old : -1;
  });
}

function rowOverrides(
  request: TokenizerRequest,
  models: readonly TokenizerModel[],
  ids: ReadonlyMap<string, number>,
): Map<number, RowOverride> {
  const overrides = new Map<number, RowOverride>();
  for (const [token, { source, force }] of Object.entries(request.tokens)) {
    if (source === undefined) {
      if (!force) continue;
      const hint = "give a source: a model, {kind: zero} or {kind: model_token, …}";
      throw new RetemperError("BAD_RECIPE", `tokenizer.tokens: ${quote(token)} has force but no source`, { hint });
    }
    const from = source.kind === "zero" ? {} : { from: rowOf(token, source, models) };
    overrides.set(ids.get(token) as number, { force, ...from });
  }
  return overrides;
}

function rowOf(
  token: string,
  source: Exclude<TokenSource, { kind: "zero" }>,
  models: readonly TokenizerModel[],
): { model: number; row: number } {
  const model = indexOfModel(models, source.model);
  const { merged, tokenizer, embeddingRows } = modelAt(models, model);
  const name = source.model.text;
  if (merged === false) {
    const hint = "name it among the models too, with a weight of 0 where the method takes one";
    const message = `tokenizer.tokens: ${quote(token)} is to come from ${name}, whose embeddings are not merged`;
    throw new RetemperError("INCOMPATIBLE", message, { hint });
  }
  const rows = embeddingRows ?? tokenizer.tokens.length;
  const wanted = source.kind === "model_token" ? (source.token ?? source.tokenId) : token;
  const row = typeof wanted === "string" ? tokenizer.ids.get(wanted) : wanted;
  if (row === undefined || !(row >= 0 && row < rows)) {
    const which = typeof wanted === "string" ? `token ${quote(wanted)}` : `token id ${wanted}`;
    throw new RetemperError("INCOMPATIBLE", `tokenizer.tokens: ${which} is not in ${name}`, {
      hint: "token names are written as in tokenizer.json, for example with Ġ or ▁ for a leading space",
    });
  }
  return { model, row };
}

/** Warns of tokens whose rows will be zeros because no merged model has them. */
function missingRows(
  tokens: readonly (string | undefined)[],
  models: readonly TokenizerModel[],
  permutations: readonly Int32Array[],
  overrides: ReadonlyMap<number, RowOverride>,
): string[] {
  const merged = permutations.filter((_, model) => models[model]?.merged !== false);
  const missing: number[] = [];
  for (let id = 0; id < tokens.length; id += 1) {
    if (!overrides.has(id) && merged.every((ids) => (ids[id] ?? -1) < 0)) missing.push(id);
  }
  if (missing.length === 0) return [];
  const shown = missing.slice(0, 5).map((id) => quote(tokens[id] ?? `id ${id}`));
  const more = missing.length > shown.length ? ` and ${missing.length - shown.length} more` : "";
  return [`no merged model has an embedding for ${shown.join(", ")}${more}: the rows are zeros`];
}
