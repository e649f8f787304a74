// Tokens that stand for themselves in a text, and what is put around every text: parts of tokenizer.json.

import { TOKEN_KIND, type Vocabulary } from "./readVocabulary.js";

/** added_tokens: those that control, and those that their makers defined. */
export function addedTokens({ tokens, types }: Vocabulary): unknown[] {
  return tokens.flatMap((content, id) => {
    const kind = types[id] ?? TOKEN_KIND.normal;
    const special = kind === TOKEN_KIND.control || kind === TOKEN_KIND.unknown;
    if (!special && kind !== TOKEN_KIND.userDefined) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
}

/** post_processor: BOS before a text and EOS after it, where the vocabulary says so. */
export function postProcessor({ tokens, special, addBos, addEos }: Vocabulary): unknown {
  const before = addBos && special.bos !== undefined ? [special.bos] : [];
  const after = addEos && special.eos !== undefined ? [special.eos] : [];
  if (before.length + after.length === 0) return null;
  const around = (type: number) => {
    const token = (id: number) => ({ SpecialToken: { id: tokens[id], type_id: type } });
    return [...before.map(token), { Sequence: { id: type === 0 ? "A" : "B", type_id: type } }, ...after.map(token)];
  };
  const list = [...new Set([...before, ...after])].map((id) => {
    return [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }] as const;
  });
  return {
    ...{ type: "TemplateProcessing", single: around(0), pair: [...around(0), ...around(1)] },
    special_tokens: Object.fromEntries(list),
  };
}
