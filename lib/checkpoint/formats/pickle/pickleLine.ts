// Arguments of a pickle that are lines of text, as protocol 0 writes them.

type Line = string | undefined;

/** A whole number, or one of the truth values "00" and "01". */
export function integerOf(line: Line): bigint | boolean | undefined {
  if (line === "00" || line === "01") return line === "01";
  const digits = /^\+?(-?\d{1,300})L?$/.exec(line ?? "")?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

export function floatOf(line: Line): number | undefined {
  if (line === undefined || !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^-?(inf|nan)$/i.test(line)) return undefined;
  const special = /^(-?)(inf|nan)$/i.exec(line);
  if (!special) return Number(line);
  return special[2]?.toLowerCase() === "nan" ? Number.NaN : special[1] ? -Infinity : Infinity;
}

/** A text in quotes, as Python 2's repr writes it; none with escapes, which no name of a tensor has. */
export function quotedText(line: Line): string | undefined {
  const text = /^(?:'([^'\\]*)'|"([^"\\]*)")$/.exec(line ?? "");
  return text ? (text[1] ?? text[2]) : undefined;
}

/** raw-unicode-escape */
export function unescapedText(line: Line): string | undefined {
  return line?.replace(/\\u([0-9a-fA-F]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** A place in the memo. */
export function placeOf(line: Line): number | undefined {
  return line !== undefined && /^\d{1,9}$/.test(line) ? Number(line) : undefined;
}
