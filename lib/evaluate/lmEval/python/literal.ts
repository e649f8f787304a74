// Python's literals as data: what ast.literal_eval reads. Nothing is run.

/** A text that is no literal. */
export class LiteralError extends Error {
  /** Where in the text. */
  readonly at: number;

  constructor(what: string, at: number) {
    super(`${what} at ${at}`);
    this.at = at;
  }
}

const NUMBER = /(?:0x[\da-f]+|0o[0-7]+|0b[01]+|(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+)?)/iy;
const NAMES: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v", "\\": "\\", "'": "'", '"': '"', "\n": "" },
};
const MOST_DEPTH = 100;

/**
 * A literal of texts, numbers, True, False, None, lists, tuples (as lists) and dicts with texts as keys.
 * @param from where it begins; `rest` says whether something may follow it
 * @throws LiteralError
 */
export function readLiteral(text: string, from = 0, rest = false): { readonly value: unknown; readonly end: number } {
  const reader = new Reader(text, from);
  const value = reader.value();
  reader.skip();
  if (!rest && reader.at < text.length) throw new LiteralError("something follows the literal", reader.at);
  return { value, end: reader.at };
}

class Reader {
  readonly #text: string;
  at: number;
  #depth = 0;

  constructor(text: string, from: number) {
    this.#text = text;
    this.at = from;
  }

  /** Spaces, line breaks and comments. */
  skip(): void {
    const spaces = /(?:\s|\\\n|#[^\n]*)*/y;
    spaces.lastIndex = this.at;
    this.at += spaces.exec(this.#text)?.[0].length ?? 0;
  }

  value(): unknown {
    this.skip();
    if (++this.#depth > MOST_DEPTH) throw this.#wrong("lists in lists too deep");
    try {
      const first = this.#text[this.at];
      if (first === "[") return this.#list("]").items;
      if (first === "(") {
        const { items, comma } = this.#list(")");
        return items.length === 1 && !comma ? items[0] : items;
      }
      if (first === "{") return this.#dict();
      if (first === "-" || first === "+") {
        this.at += 1;
        const number = this.value();
        if (typeof number !== "number") throw this.#wrong("no number");
        return first === "-" ? -number : number;
      }
      const text = this.#texts();
      if (text !== undefined) return text;
      return this.#word();
    } finally {
      this.#depth -= 1;
    }
  }

  #list(close: string): { readonly items: unknown[]; readonly comma: boolean } {
    this.at += 1;
    const items: unknown[] = [];
    let comma = false;
    for (;;) {
      this.skip();
      if (this.#text[this.at] === close) {
        this.at += 1;
        return { items, comma };
      }
      if (items.length > 0 && !comma) throw this.#wrong("a comma is missing");
      items.push(this.value());
      comma = this.#taken(",");
    }
  }

  #dict(): Record<string, unknown> {
    this.at += 1;
    const made: Record<string, unknown> = {};
    for (let comma = true; ; ) {
      this.skip();
      if (this.#text[this.at] === "}") {
        this.at += 1;
        return made;
      }
      if (!comma) throw this.#wrong("a comma is missing");
      const key = this.value();
      if (typeof key === "object" || !this.#taken(":")) throw this.#wrong("no entry of a dict");
      Object.defineProperty(made, String(key), { value: this.value(), enumerable: true, writable: true });
      comma = this.#taken(",");
    }
  }

  #taken(mark: string): boolean {
    this.skip();
    if (this.#text[this.at] !== mark) return false;
    this.at += 1;
    return true;
  }

  /** A text; several that follow one another are one. */
  #texts(): string | undefined {
    let whole: string | undefined;
    for (;;) {
      const start = /([rRuU]?)('''|"""|'|")/y;
      start.lastIndex = this.at;
      const [begin, prefix = "", quote = ""] = start.exec(this.#text) ?? [];
      if (begin === undefined) return whole;
      this.at += begin.length;
      whole = (whole ?? "") + this.#textUntil(quote, prefix.toLowerCase() === "r");
      this.skip();
    }
  }

  #textUntil(quote: string, raw: boolean): string {
    let made = "";
    for (;;) {
      if (this.at >= this.#text.length) throw this.#wrong("a text has no end");
      if (this.#text.startsWith(quote, this.at)) {
        this.at += quote.length;
        return made;
      }
      const character = this.#text[this.at] as string;
      if (character === "\n" && quote.length === 1) throw this.#wrong("a text has no end");
      if (character !== "\\") {
        made += character;
        this.at += 1;
      } else if (raw) {
        made += this.#text.slice(this.at, this.at + 2);
        this.at += 2;
      } else made += this.#escape();
    }
  }

  #escape(): string {
    const code = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3}))/y;
    code.lastIndex = this.at;
    const found = code.exec(this.#text);
    if (found) {
      this.at += found[0].length;
      const [, two, four, eight, octal] = found;
      if (eight !== undefined && Number.parseInt(eight, 16) > 0x10ffff)
        throw this.#wrong("no character has this number");
      return String.fromCodePoint(octal ? Number.parseInt(octal, 8) : Number.parseInt(two ?? four ?? eight ?? "", 16));
    }
    const next = this.#text[this.at + 1] ?? "";
    if (next === "N" || next === "x" || next === "u" || next === "U") throw this.#wrong("this escape is not known");
    this.at += 2;
    return ESCAPES[next] ?? `\\${next}`;
  }

  #word(): unknown {
    const name = /[A-Za-z_]\w*/y;
    name.lastIndex = this.at;
    const word = name.exec(this.#text)?.[0];
    if (word !== undefined && Object.hasOwn(NAMES, word)) {
      this.at += word.length;
      return NAMES[word];
    }
    NUMBER.lastIndex = this.at;
    const digits = word === undefined ? NUMBER.exec(this.#text)?.[0] : undefined;
    if (digits === undefined) throw this.#wrong("no literal");
    this.at += digits.length;
    return Number(digits.replaceAll("_", ""));
  }

  #wrong(what: string): LiteralError {
    return new LiteralError(what, this.at);
  }
}
