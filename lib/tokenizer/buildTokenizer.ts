// Puts a tokenizer together from what its files say: the steps of tokenizer.json, compiled.

import type { AddedToken } from "./addedTokens.js";
import { ChatTemplate } from "./chat/chatTemplate.js";
import type { FoundTemplate } from "./chatTemplate.js";
import { effectiveTokens } from "./effectiveTokens.js";
import type { ParsedTokenizer } from "./readTokenizer.js";
import { AddedTokenSplitter } from "./text/addedTokenSplitter.js";
import { compileModel } from "./text/compileModel.js";
import { compileDecoder } from "./text/decoders.js";
import { leastTokens } from "./text/leastTokens.js";
import { compileNormalizer } from "./text/normalizers.js";
import { compilePostProcessor } from "./text/postProcessors.js";
import { compilePreTokenizer } from "./text/preTokenizers.js";
import { tokenizerWork, withTimeLimit } from "./text/timeLimit.js";
import { TextTokenizer } from "./textTokenizer.js";
import type { Tokenizer } from "./types.js";

/**
 * @param file the path of tokenizer.json, which errors name
 * @throws RetemperError BAD_INPUT for steps that are not known or cannot be used; RangeError for steps nested too deep
 */
export function buildTokenizer(parsed: ParsedTokenizer, template: FoundTemplate | undefined, file: string): Tokenizer {
  const { files, json, config, vocabulary } = parsed;
  const normalize = compileNormalizer(json.normalizer, file);
  const { added, special, named } = effectiveTokens(parsed);
  // A token that is looked for in normalised text is written, and decoded, as normalising leaves it.
  const textOf = ({ normalized, content }: AddedToken): string => (normalized ? normalize(content) : content);
  const length = added.reduce((sum, { content }) => sum + content.length, 0);
  const texts = withTimeLimit(length, tokenizerWork(file), () =>
    added.map((token) => ({ token, text: textOf(token) })),
  );
  const tokens = [...files.tokens];
  for (const { token, text } of texts) tokens[token.id] = text;
  const ignored = config.split_special_tokens === true ? special : new Set<string>();
  const splitter = (normalized: boolean): AddedTokenSplitter =>
    new AddedTokenSplitter(
      texts.filter(({ token, text }) => token.normalized === normalized && text !== ""),
      ignored,
    );
  return new TextTokenizer({
    file,
    tokens,
    prefixToken: prefixOf(named, tokens),
    specialIds: new Set(texts.filter(({ text }) => special.has(text)).map(({ token }) => token.id)),
    plainTokens: splitter(false),
    normalizedTokens: splitter(true),
    normalize,
    preTokenize: compilePreTokenizer(json.pre_tokenizer, file),
    model: compileModel(json.model, files.modelType, vocabulary, file),
    frame: compilePostProcessor(json.post_processor, file),
    leastTokens: leastTokens(json, vocabulary, added),
    decoder: compileDecoder(json.decoder, file),
    // It would take spaces out of code: transformers ignores the setting for byte-pair models.
    cleanUpSpaces: config.clean_up_tokenization_spaces === true && files.modelType !== "BPE",
    chatTemplate: template && new ChatTemplate(template.text, template.file, named),
  });
}

/** transformers' bos_token, else eos_token, where it is a token. */
function prefixOf(
  { bos_token, eos_token }: Readonly<Record<string, string>>,
  tokens: readonly (string | undefined)[],
): Tokenizer["prefixToken"] {
  const text = bos_token ?? eos_token;
  const id = text === undefined ? -1 : tokens.indexOf(text);
  return text === undefined || id < 0 ? undefined : { id, text };
}
