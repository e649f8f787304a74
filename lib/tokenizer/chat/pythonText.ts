// Text methods as Python has them, where JavaScript's differ: white space, and the characters to strip.

/** `str.isspace()`: Unicode's white space and the four separators U+001C to U+001F. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts these as white space
const SPACE = /[\p{White_Space}\x1c-\x1f]/u;

/**
 * `str.strip`, `lstrip`, `rstrip`.
 * @param characters Those to take off; white space unless given.
 */
export function stripText(text: string, left: boolean, right: boolean, characters?: string): string {
  const set = characters === undefined ? undefined : new Set(characters);
  const letters = Array.from(text);
  const goes = (letter: string | undefined): boolean =>
    letter !== undefined && (set === undefined ? SPACE.test(letter) : set.has(letter));
  let start = 0;
  let end = letters.length;
  if (left) while (start < end && goes(letters[start])) start += 1;
  if (right) while (end > start && goes(letters[end - 1])) end -= 1;
  return letters.slice(start, end).join("");
}

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** `strftime` of one day, midnight, in English; a letter it does not know stays as it is. */
export function strftime(format: string, date: Date): string {
  const month = MONTHS[date.getUTCMonth()] as string;
  const day = DAYS[date.getUTCDay()] as string;
  const two = (value: number): string => String(value).padStart(2, "0");
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getUTCFullYear()),
    y: two(date.getUTCFullYear() % 100),
    m: two(date.getUTCMonth() + 1),
    d: two(date.getUTCDate()),
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    H: "00",
    I: "12",
    M: "00",
    S: "00",
    p: "AM",
    "%": "%",
  };
  return format.replace(/%([YymdBbAaHIMSp%])/g, (_, letter: string) => parts[letter] as string);
}
