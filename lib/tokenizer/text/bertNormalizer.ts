// BERT's cleaning of text: control characters out, any white space a space, spaces around Chinese characters, and on
// request no accents and no capitals. Devlin et al., "BERT", 2018 (its BasicTokenizer).

import { lowercase } from "./lowercase.js";

/** Control characters (U+0000 is one) and the replacement character. */
const DROPPED = /(?![\t\n\r])[\ufffd\p{Cc}\p{Cf}\p{Co}]/gu;
const SPACE = /\p{White_Space}/gu;
/** The blocks of CJK ideographs; one begins at U+2B920 by the tokenizers library's own list. */
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const ACCENT = /\p{Mn}/gu;

export function bertNormalizer(spec: Record<string, unknown>): (text: string) => string {
  const lower = spec.lowercase !== false;
  const accents = typeof spec.strip_accents === "boolean" ? !spec.strip_accents : !lower;
  const clean = spec.clean_text !== false;
  const chinese = spec.handle_chinese_chars !== false;
  return (text) => {
    let result = text;
    if (clean) result = result.replace(DROPPED, "").replace(SPACE, " ");
    if (chinese) result = result.replace(CHINESE, " $& ");
    if (!accents) result = result.normalize("NFD").replace(ACCENT, "");
    return lower ? lowercase(result) : result;
  };
}
