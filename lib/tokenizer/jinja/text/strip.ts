// `str.strip`, `split`, `rsplit` and `splitlines`, with Python's white space.

import { LINE_END, SPACE } from "./characters.js";

/**
 * `str.strip`, `lstrip`, `rstrip`.
 * @param characters Those to take off; white space where it is undefined.
 */
export function strip(text: string, left: boolean, right: boolean, characters?: string): string {
  const set = characters === undefined ? undefined : new Set(characters);
  const goes = (character: string): boolean => (set === undefined ? SPACE.test(character) : set.has(character));
  let start = 0;
  let end = text.length;
  while (left && start < end) {
    const character = pointAt(text, start);
    if (!goes(character)) break;
    start += character.length;
  }
  while (right && end > start) {
    const character = pointBefore(text, end);
    if (!goes(character)) break;
    end -= character.length;
  }
  return text.slice(start, end);
}

function pointAt(text: string, index: number): string {
  return String.fromCodePoint(text.codePointAt(index) as number);
}

function pointBefore(text: string, end: number): string {
  const low = text.charCodeAt(end - 1);
  const isPair = low >= 0xdc00 && low < 0xe000 && end > 1 && (text.codePointAt(end - 2) as number) > 0xffff;
  return isPair ? text.slice(end - 2, end) : text.slice(end - 1, end);
}

/** `str.split()` of white space. */
export function splitSpace(text: string, most: number): string[] {
  const parts: string[] = [];
  let start = -1;
  for (let index = 0; index < text.length; index += 1) {
    if (SPACE.test(text.charAt(index))) {
      if (start >= 0) parts.push(text.slice(start, index));
      start = -1;
    } else if (start < 0) {
      if (most >= 0 && parts.length === most) return [...parts, text.slice(index)];
      start = index;
    }
  }
  return start >= 0 ? [...parts, text.slice(start)] : parts;
}

/** `str.rsplit()` of white space. */
export function splitSpaceBack(text: string, most: number): string[] {
  const parts: string[] = [];
  let end = -1;
  for (let index = text.length - 1; index >= 0; index -= 1) {
    if (SPACE.test(text.charAt(index))) {
      if (end >= 0) parts.push(text.slice(index + 1, end));
      end = -1;
    } else if (end < 0) {
      if (most >= 0 && parts.length === most) return [text.slice(0, index + 1), ...parts.reverse()];
      end = index + 1;
    }
  }
  return (end >= 0 ? [...parts, text.slice(0, end)] : parts).reverse();
}

/** `str.split(separator)`. */
export function splitAt(text: string, separator: string, most: number): string[] {
  if (most < 0) return text.split(separator);
  const parts: string[] = [];
  let start = 0;
  while (parts.length < most) {
    const at = text.indexOf(separator, start);
    if (at < 0) break;
    parts.push(text.slice(start, at));
    start = at + separator.length;
  }
  return [...parts, text.slice(start)];
}

/** `str.rsplit(separator)`. */
export function splitAtBack(text: string, separator: string, most: number): string[] {
  const parts: string[] = [];
  let end = text.length;
  while (most < 0 || parts.length < most) {
    const at = end < separator.length ? -1 : text.lastIndexOf(separator, end - separator.length);
    if (at < 0) break;
    parts.push(text.slice(at + separator.length, end));
    end = at;
  }
  return [...parts, text.slice(0, end)].reverse();
}

/** `str.splitlines`. */
export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const match of text.matchAll(LINE_END)) {
    const end = match.index + match[0].length;
    lines.push(text.slice(start, keepEnds ? end : match.index));
    start = end;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}
