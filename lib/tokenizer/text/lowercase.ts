// Lower case as Rust has it.

/** Letter by letter, as Rust's `char::to_lowercase`: JavaScript alone knows a sigma at the end of a word. */
export function lowercase(text: string): string {
  const lower = text.toLowerCase();
  return lower.includes("ς") ? Array.from(text, (character) => character.toLowerCase()).join("") : lower;
}
