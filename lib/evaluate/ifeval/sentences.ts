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
const MARKS = ".!?";
const CLOSING = "\"'”’)]*_";

/** The number of sentences; none in a text of spaces. */
export function countSentences(text: string): number {
  const trimmed = text.trim();
  if (trimmed === "") return 0;
  let count = 1;
  const words = trimmed.split(/\s+/u);
  for (const [at, word] of words.slice(0, -1).entries()) {
    // from the end by hand: a pattern for it takes cubic time in a row of marks, which broken models write
    const closing = startOf(word, word.length, CLOSING);
    const marks = startOf(word, closing, MARKS);
    if (marks === closing) continue;
    const [before, own, after] = [word.slice(0, marks), word.slice(marks, closing), word.slice(closing)];
    if (endsSentence(before, own, after, words[at + 1] as string)) count += 1;
  }
  return count;
}

/** Where the last characters before `end` begin that are among these. */
function startOf(word: string, end: number, characters: string): number {
  let start = end;
  while (start > 0 && characters.includes(word[start - 1] as string)) start -= 1;
  return start;
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
