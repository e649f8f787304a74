// Values and texts of a file in an error message.

/** A value in an error message: its kind, and the value where it is short. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return `the text ${JSON.stringify(shorten(value))}`;
  return `the ${typeof value} ${String(value)}`;
}

/** Cuts text of a file to a length that fits a message. */
export function shorten(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}
