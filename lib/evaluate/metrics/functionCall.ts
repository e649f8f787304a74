// Calls of functions, as models write them: parsed, so that spaces, quotes and the order of named arguments do not matter.

/** A value of Python's literals, or a name, or a call. */
export type CallValue =
  | { readonly kind: "text" | "name"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "constant"; readonly value: boolean | null }
  | { readonly kind: "list" | "tuple" | "set"; readonly items: readonly CallValue[] }
  | { readonly kind: "dict"; readonly entries: readonly (readonly [CallValue, CallValue])[] }
  | ({ readonly kind: "call" } & FunctionCall);

export interface FunctionCall {
  readonly name: string;
  readonly positional: readonly CallValue[];
  readonly named: Readonly<Record<string, CallValue>>;
}

/**
 * The call that a text is: `name(a, key="value", …)` in Python's literals (also `key: value`, and true, false, null). A
 * fence of Markdown around it does not matter.
 * @returns undefined where the text is not one call
 */
export function parseFunctionCall(text: string): FunctionCall | undefined {
  const fenced = /^\s*```\w*\n([\s\S]*?)\n?```\s*$/.exec(text);
  try {
    const parser = new Parser((fenced?.[1] ?? text).trim());
    const value = parser.value(0);
    parser.end();
    if (value.kind !== "call") return undefined;
    const { name, positional, named } = value;
    return { name, positional, named };
  } catch (error) {
    if (error instanceof NotACall) return undefined;
    throw error;
  }
}

/**
 * Whether two texts are the same call; where either cannot be parsed, whether they are the same but for spaces.
 * @example
 * ```ts
 * import { sameCall } from "retemper";
 *
 * console.log(sameCall('weather(day = "Sunday", town="Corran")', "weather(town='Corran', day='Sunday')")); // true
 * console.log(sameCall('weather(town="Corran")', 'weather(town="Oxley")')); // false
 * ```
 */
export function sameCall(answer: string, reference: string): boolean {
  const [ours, theirs] = [parseFunctionCall(answer), parseFunctionCall(reference)];
  if (ours && theirs) return canonical({ kind: "call", ...ours }) === canonical({ kind: "call", ...theirs });
  const plain = (text: string) => text.trim().replace(/\s+/g, " ");
  return plain(answer) === plain(reference);
}

/** One text for equal values: named arguments and keys of dictionaries in order. 1 and 1.0 are equal, 1 and "1" are not. */
function canonical(value: CallValue): string {
  switch (value.kind) {
    case "text":
      return JSON.stringify(value.value);
    case "name":
      return `name ${value.value}`;
    case "number":
    case "constant":
      return String(value.value);
    case "list":
    case "tuple":
      return `${value.kind}(${value.items.map(canonical).join()})`;
    case "set":
      return `set(${value.items.map(canonical).sort().join()})`;
    case "dict":
      return `dict(${value.entries
        .map(([key, of]) => `${canonical(key)}:${canonical(of)}`)
        .sort()
        .join()})`;
    case "call": {
      const named = Object.entries(value.named).map(([key, of]) => `${key}=${canonical(of)}`);
      return `call ${value.name}(${[...value.positional.map(canonical), ...named.sort()].join()})`;
    }
  }
}

class NotACall extends Error {}

const DEEPEST = 50;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\n": "" };
const CLOSING = { "(": ")", "[": "]", "{": "}" } as const;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    if (this.#skip() !== "" && !/^[;.]?\s*$/.test(this.#text.slice(this.#at))) throw new NotACall();
  }

  value(depth: number): CallValue {
    if (depth > DEEPEST) throw new NotACall();
    const next = this.#skip();
    if (next === "[" || next === "(" || next === "{") return this.#collection(next, depth);
    const number = this.#take(/[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?(?![\w.])/y);
    if (number !== undefined) return { kind: "number", value: Number(number.replaceAll("_", "")) };
    const prefix = this.#take(/[rRbBfFuU]{0,2}(?=["'])/y);
    if (prefix !== undefined) return { kind: "text", value: this.#strings(prefix) };
    const name = this.#take(/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/y);
    if (name === undefined) throw new NotACall();
    if (this.#skip() === "(") return { kind: "call", name, ...this.#arguments(depth) };
    if (/^(True|true)$/.test(name)) return { kind: "constant", value: true };
    if (/^(False|false)$/.test(name)) return { kind: "constant", value: false };
    if (/^(None|null)$/.test(name)) return { kind: "constant", value: null };
    return { kind: "name", value: name };
  }

  #arguments(depth: number): Pick<FunctionCall, "positional" | "named"> {
    const positional: CallValue[] = [];
    const named: Record<string, CallValue> = Object.create(null);
    this.#list(")", () => {
      const key = this.#take(/[A-Za-z_]\w*(?=\s*(?:=(?!=)|:))/y);
      if (key === undefined) {
        positional.push(this.value(depth + 1));
        return;
      }
      this.#skip();
      this.#at += 1;
      named[key] = this.value(depth + 1);
    });
    return { positional, named };
  }

  #collection(open: keyof typeof CLOSING, depth: number): CallValue {
    const items: CallValue[] = [];
    const entries: [CallValue, CallValue][] = [];
    const comma = this.#list(CLOSING[open], () => {
      const item = this.value(depth + 1);
      if (open === "{" && this.#skip() === ":") {
        this.#at += 1;
        entries.push([item, this.value(depth + 1)]);
      } else items.push(item);
    });
    if (open === "[") return { kind: "list", items };
    if (open === "(") return items.length === 1 && !comma ? (items[0] as CallValue) : { kind: "tuple", items };
    if (items.length > 0 && entries.length > 0) throw new NotACall();
    return items.length > 0 ? { kind: "set", items } : { kind: "dict", entries };
  }

  /** From an opening bracket to its closing one; returns whether there was a comma. */
  #list(close: string, item: () => void): boolean {
    this.#at += 1;
    let comma = false;
    for (;;) {
      if (this.#skip() === close) {
        this.#at += 1;
        return comma;
      }
      item();
      const next = this.#skip();
      if (next === ",") {
        comma = true;
        this.#at += 1;
      } else if (next !== close) throw new NotACall();
    }
  }

  /** One or more string literals side by side. */
  #strings(prefix: string): string {
    let text = "";
    for (let mark: string | undefined = prefix; mark !== undefined; mark = this.#take(/[rRbBuU]{0,2}(?=["'])/y)) {
      text += this.#string(/r/i.test(mark));
      this.#skip();
    }
    return text;
  }

  #string(raw: boolean): string {
    const quote = this.#take(/"""|'''|"|'/y) as string;
    let text = "";
    while (!this.#text.startsWith(quote, this.#at)) {
      const character = this.#text[this.#at++];
      if (character === undefined) throw new NotACall();
      if (character !== "\\") {
        text += character;
        continue;
      }
      const code = raw ? undefined : this.#take(/x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y);
      if (code !== undefined) {
        const point = Number.parseInt(code.slice(1), 16);
        if (point > 0x10ffff) throw new NotACall();
        text += String.fromCodePoint(point);
        continue;
      }
      const next = this.#text[this.#at++] ?? "";
      text += raw || !(next in ESCAPES || /["'\\]/.test(next)) ? `\\${next}` : (ESCAPES[next] ?? next);
    }
    this.#at += quote.length;
    return text;
  }

  /** The next character that is no space; "" at the end. */
  #skip(): string {
    this.#take(/\s+/y);
    return this.#text[this.#at] ?? "";
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [match] = pattern.exec(this.#text) ?? [];
    if (match !== undefined) this.#at += match.length;
    return match;
  }
}
