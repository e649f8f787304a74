// Text from files, models and servers on its way to a terminal: whoever wrote a tensor's name may have written a terminal's
// commands into it, or turned the reading direction. Everything that the command shows to people passes here; data that goes
// to a file or a pipe does not.

/**
 * C0 but for tab and newline, DEL, C1 (of which U+009B alone begins a command), marks that turn the reading direction, line and
 * paragraph separators, the byte order mark, tags, and halves of pairs.
 */
const ACTIVE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** Text of several lines: what a terminal would act on is shown as JavaScript writes it, `\x1b`. */
export function safeText(text: string): string {
  return text.replace(ACTIVE, escapeOf);
}

/** Text that stands in a line or a table's cell: new lines and tabs are shown as well. */
export function safeLine(text: string): string {
  return safeText(text).replace(/[\n\t]/g, (character) => (character === "\n" ? "\\n" : "\\t"));
}

/** JSON that means the same, and does nothing on a terminal. */
export function safeJson(json: string): string {
  return json.replace(ACTIVE, (character) =>
    [...Array(character.length).keys()].map((at) => `\\u${hex(character.charCodeAt(at), 4)}`).join(""),
  );
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) as number;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code > 0xffff ? `\\u{${hex(code, 5)}}` : `\\u${hex(code, 4)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
