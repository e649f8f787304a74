// `title`, `capitalize`, `swapcase` and `casefold` as Python has them; `upper` and `lower` are JavaScript's.

import { isCased } from "./characters.js";

/** Two letters in one, whose first alone is large in a title. */
const DIGRAPHS: Readonly<Record<string, string>> = {
  ...{ Ǆ: "ǅ", ǅ: "ǅ", ǆ: "ǅ", Ǉ: "ǈ", ǈ: "ǈ", ǉ: "ǈ" },
  ...{ Ǌ: "ǋ", ǋ: "ǋ", ǌ: "ǋ", Ǳ: "ǲ", ǲ: "ǲ", ǳ: "ǲ", ŉ: "ʼN" },
};
const GEORGIAN = /[\u10d0-\u10ff]/;
const IOTA = "\u0345";

/** A character as it starts a title's word. */
function titleOf(character: string): string {
  const known = DIGRAPHS[character];
  if (known !== undefined) return known;
  if (GEORGIAN.test(character)) return character;
  const parts = character.normalize("NFD");
  if (parts.endsWith(IOTA) && parts.length > 1) {
    return `${parts.slice(0, -1).normalize("NFC").toUpperCase()}${IOTA}`.normalize("NFC");
  }
  const [first = "", ...rest] = Array.from(character.toUpperCase());
  return first + rest.join("").toLowerCase();
}

/** Lower case, whose sigma at a word's end depends on what is around. */
function lowerPart(text: string, from: number, to: number): string {
  const before = text.slice(0, from).toLowerCase().length;
  const whole = text.toLowerCase();
  return whole.slice(before, before + text.slice(from, to).toLowerCase().length);
}

/** `str.title`. */
export function title(text: string): string {
  let made = "";
  let within = false;
  let start = 0;
  let index = 0;
  const flush = (): void => {
    if (index > start)
      made += text.slice(start, index).includes("Σ")
        ? lowerPart(text, start, index)
        : text.slice(start, index).toLowerCase();
  };
  for (const character of text) {
    if (!within) {
      flush();
      made += titleOf(character);
      start = index + character.length;
    }
    index += character.length;
    within = isCased(character);
  }
  flush();
  return made;
}

/** `str.capitalize`. */
export function capitalize(text: string): string {
  const [first] = text;
  if (first === undefined) return "";
  const rest = text.includes("Σ") ? lowerPart(text, first.length, text.length) : text.slice(first.length).toLowerCase();
  return titleOf(first) + rest;
}

/** `str.swapcase`. */
export function swapcase(text: string): string {
  return Array.from(text, (character) => {
    if (/\p{Uppercase}/u.test(character)) return character.toLowerCase();
    return /\p{Lowercase}/u.test(character) ? character.toUpperCase() : character;
  }).join("");
}

const CHEROKEE = /[\u13a0-\u13fd\uab70-\uabbf]/;

/** `str.casefold`. */
export function casefold(text: string): string {
  return Array.from(text, (character) => {
    if (character === "ẞ") return "ss";
    if (character === "ı") return character;
    return CHEROKEE.test(character) ? character.toUpperCase() : character.toUpperCase().toLowerCase();
  }).join("");
}
