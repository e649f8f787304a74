// tokenizer.json of SentencePiece's BPE, which has a score for each piece instead of merges: the pair whose result has the
// best score is merged first. Merges in the order of their results' scores do the same, which is how transformers
// converts such vocabularies.

import { addedTokens, postProcessor } from "./addedTokens.js";
import { TOKEN_KIND, type Vocabulary } from "./readVocabulary.js";

const SPACE = "\u2581";

export function sentencePieceTokenizer(vocabulary: Vocabulary): unknown {
  const { tokens, special, addSpacePrefix } = vocabulary;
  const spaces = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const unknown = special.unknown === undefined ? null : tokens[special.unknown];
  return {
    ...{ version: "1.0", truncation: null, padding: null },
    added_tokens: addedTokens(vocabulary),
    normalizer: addSpacePrefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: SPACE }, spaces] }
      : spaces,
    pre_tokenizer: null,
    post_processor: postProcessor(vocabulary),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addSpacePrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...{ type: "BPE", dropout: null, unk_token: unknown, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: true, byte_fallback: true, ignore_merges: false },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: mergesOf(vocabulary),
    },
  };
}

interface Merge {
  readonly left: string;
  readonly right: string;
  readonly score: number;
}

function mergesOf({ tokens, types, scores }: Vocabulary): (readonly [string, string])[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: Merge[] = [];
  tokens.forEach((token, id) => {
    const kind = types[id] ?? TOKEN_KIND.normal;
    if (kind !== TOKEN_KIND.normal && kind !== TOKEN_KIND.userDefined) return;
    const own: (Merge & { readonly at: readonly [number, number] })[] = [];
    const characters = [...token];
    for (let cut = 1, end = characters[0]?.length ?? 0; cut < characters.length; cut++) {
      const [left, right] = [token.slice(0, end), token.slice(end)];
      end += (characters[cut] as string).length;
      const [a, b] = [ids.get(left), ids.get(right)];
      if (a !== undefined && b !== undefined) own.push({ left, right, score: scores[id] ?? 0, at: [a, b] });
    }
    own.sort((x, y) => x.at[0] - y.at[0] || x.at[1] - y.at[1]);
    merges.push(...own);
  });
  const length = (text: string) => [...text].length;
  merges.sort((x, y) => y.score - x.score || length(y.left) - length(x.left) || length(y.right) - length(x.right));
  return merges.map(({ left, right }) => [left, right]);
}
