// The language of a text. The reference asks langdetect, whose answer is drawn at random where a text is short; this one is
// the same each time, and agrees with it on 95 % of texts or more (see the tests).

import { francAll } from "franc";

/** ISO 639-3, as the detector has them, and the codes of the instructions. */
const CODES: Readonly<Record<string, string>> = {
  ...{ eng: "en", spa: "es", por: "pt", arb: "ar", hin: "hi", fra: "fr", rus: "ru", deu: "de", jpn: "ja", ita: "it" },
  ...{ ben: "bn", ukr: "uk", tha: "th", urd: "ur", tam: "ta", tel: "te", bul: "bg", kor: "ko", pol: "pl", heb: "he" },
  ...{ pes: "fa", vie: "vi", npi: "ne", nep: "ne", swh: "sw", kan: "kn", mar: "mr", guj: "gu", pan: "pa", fin: "fi" },
  // no instruction asks for these: they are here so that an answer in one of them is not taken for its neighbour
  ...{ nld: "nl", swe: "sv", nob: "no", dan: "da", tur: "tr", ron: "ro", ces: "cs", hun: "hu", ind: "id", ell: "el" },
  ...{ cmn: "zh", mal: "ml" },
};
const LANGUAGES = Object.keys(CODES);
const CYRILLIC: ReadonlySet<string> = new Set(["ru", "uk", "bg"]);
/** Below this length letters say little, and English is the first guess where it is near the best. */
const SHORT = 60;
const NEAR = 0.8;

/**
 * The ISO 639-1 code of the language that a text is in.
 * @returns undefined where there are no letters to tell it by
 */
export function languageOf(text: string): string | undefined {
  const lower = text.toLowerCase();
  if (!/\p{L}/u.test(lower)) return undefined;
  const found = francAll(lower, { only: LANGUAGES, minLength: 1 });
  const best = CODES[found[0]?.[0] ?? ""];
  if (best !== undefined && CYRILLIC.has(best)) return cyrillic(lower);
  const english = found.find(([code]) => code === "eng")?.[1] ?? 0;
  return lower.length < SHORT && english >= NEAR ? "en" : best;
}

/** By letters that only one of the three has: their words are too much alike. */
function cyrillic(lower: string): string {
  const count = (letters: RegExp) => lower.match(letters)?.length ?? 0;
  if (count(/[іїєґ]/g) > 0) return "uk";
  return count(/ъ/g) > count(/[ыэё]/g) ? "bg" : "ru";
}
