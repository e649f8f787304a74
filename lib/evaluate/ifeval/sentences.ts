// Sentences and words of English text, nearly as the reference's tokenizers (NLTK's Punkt and its tokenizer of words) cut
// them: with rules and a list of common abbreviations instead of Punkt's trained tables. Agreement is measured in the tests.

/** What is followed by a point inside of a sentence. */
const ABBREVIATIONS: ReadonlySet<string> = new Set(
  (
    "mr mrs ms dr st jr sr prof rev gen col sgt capt lt maj cmdr gov sen rep pres hon inc ltd corp co bros " +
    "vs etc e.g i.e cf al fig no vol ed jan feb mar apr aug sept sep oct nov dec mt ft ave blvd u.s u.n u.k d.c a.m p.m ph.d m.d b.a m.a"
  ).split(" "),
);
/** Of these, the ones that often end a sentence: a capital letter after them begins the next. */
const ALSO_LAST: ReadonlySet<string> = new Set("etc inc ltd corp co jr sr a.m p.m u.s u.k d.c ph.d m.d".split(" "));
const ENDING = /(\S*?)([.!?]+)(["'”’)\]*_]*)(\s+)(?=(\S+))/gu;

/** The number of sentences; none in a text of spaces. */
export function countSentences(text: string): number {
  const trimmed = text.trim();
  if (trimmed === "") return 0;
  let count = 1;
  for (const [, word = "", marks = "", closing = "", , next = ""] of trimmed.matchAll(ENDING)) {
    if (endsSentence(word, marks, closing, next)) count += 1;
  }
  return count;
}

function endsSentence(word: string, marks: string, closing: string, next: string): boolean {
  if (/[!?]$/.test(marks)) return true;
  const lower = word.toLowerCase().replace(/^[^\p{L}\p{N}]+/u, "");
  const capital = /^[^\p{L}\p{N}]*\p{Lu}/u.test(next);
  if (marks.length > 1) return capital;
  // an initial, as in J. Smith
  if (/^\p{L}$/u.test(lower)) return false;
  if (ABBREVIATIONS.has(lower) && closing === "") return capital && ALSO_LAST.has(lower);
  // the number of an item: 1. First
  if (/^\p{Nd}+$/u.test(lower)) return capital;
  return true;
}

const PUNCTUATION = /[,:](?!\d)|\.{2,}|[;@#$%&?!()[\]{}<>"“”«»…*]|--|''|``/gu;
const CONTRACTION = /(n't|'(?:s|m|d|ll|re|ve))(?![\p{L}\p{N}'])/giu;

/** The words, apart from the signs around them; a contraction is two: CAN'T is CA and N'T. */
export function splitTokens(text: string): string[] {
  return text
    .replace(PUNCTUATION, " $& ")
    .replace(CONTRACTION, " $1 ")
    .split(/\s+/u)
    .filter((token) => token !== "");
}
