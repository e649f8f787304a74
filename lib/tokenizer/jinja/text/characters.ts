// Kinds of characters, as Python's text methods distinguish them.

/** What is white space, for a class of a pattern with the flag u or v: Python also counts four separators. */
export const WHITE_SPACE = "\\p{White_Space}\\x1c-\\x1f";
export const SPACE = new RegExp(`[${WHITE_SPACE}]`, "u");
/** Ends of lines for `splitlines`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts these separators as ends of lines
export const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

const LETTER = /^\p{L}+$/u;
const DECIMAL = /^\p{Nd}+$/u;
/** Digits that are no decimal ones: superscripts, digits in circles and the like (Unicode's Numeric_Type=Digit). */
const DIGIT =
  /^[\p{Nd}\u{b2}\u{b3}\u{b9}\u{1369}-\u{1371}\u{19da}\u{2070}\u{2074}-\u{2079}\u{2080}-\u{2089}\u{2460}-\u{2468}\u{2474}-\u{247c}\u{2488}-\u{2490}\u{24ea}\u{24f5}-\u{24fd}\u{24ff}\u{2776}-\u{277e}\u{2780}-\u{2788}\u{278a}-\u{2792}\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]+$/u;
/** Letters that are numbers too (Unicode's Numeric_Type=Numeric outside the numbers' categories). */
const HAN_NUMBERS =
  "㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌卐參叁叄四壱壹幺廾廿弌弎弐弑拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零";
const NUMERIC = new RegExp(`^[\\p{N}${HAN_NUMBERS}]+$`, "u");
const WORDY = /^[\p{L}\p{N}]+$/u;
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
const IDENTIFIER = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;
const UPPER = /\p{Uppercase}/u;
const LOWER = /\p{Lowercase}/u;
const TITLE = /\p{Lt}/u;

/** `str.isprintable` of a character or text. */
export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text.replaceAll(" ", ""));
}

/** `str.isidentifier`. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** `str.isupper`: something is cased, and nothing is in lower case. */
export function isUpper(text: string): boolean {
  return UPPER.test(text) && !LOWER.test(text) && !TITLE.test(text);
}

/** `str.islower`. */
export function isLower(text: string): boolean {
  return LOWER.test(text) && !UPPER.test(text) && !TITLE.test(text);
}

/** `str.isspace` and the others whose answer is about every character. */
export const EVERY: Readonly<Record<string, (text: string) => boolean>> = {
  isalpha: (text) => LETTER.test(text),
  isdecimal: (text) => DECIMAL.test(text),
  isdigit: (text) => DIGIT.test(text),
  isnumeric: (text) => NUMERIC.test(text),
  isalnum: (text) => WORDY.test(text),
  isascii: (text) => /^[\0-\x7f]*$/.test(text),
  isprintable: isPrintable,
  isidentifier: isIdentifier,
  isspace: (text) => text !== "" && Array.from(text).every((character) => SPACE.test(character)),
  islower: isLower,
  isupper: isUpper,
  istitle,
};

/** True for the characters of words, where the case of the next one depends on this one. */
export function isCased(character: string): boolean {
  return UPPER.test(character) || LOWER.test(character) || TITLE.test(character);
}

function istitle(text: string): boolean {
  let cased = false;
  let previous = false;
  for (const character of text) {
    const starts = UPPER.test(character) || TITLE.test(character);
    if (starts && previous) return false;
    if (!starts && LOWER.test(character) && !previous) return false;
    previous = isCased(character);
    cased ||= previous;
  }
  return cased;
}
