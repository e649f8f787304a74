// `str` and `repr`: what is printed, with quotes, None, True and 1.0 as Python has them.

import { isPrintable } from "../text/characters.js";
import { floatText } from "./floatText.js";
import { valueError } from "./pythonError.js";
import { typeName } from "./typeName.js";
import { Undefined } from "./undefined.js";
import { Dict, DictView, Float, Iteration, List, Markup, Range, type Run, Tuple, type Value } from "./value.js";

/** Deeper structures are refused; Python's own limit is of the same order. */
const MAX_DEPTH = 200;
/** Python refuses to write integers of more digits. */
const MAX_DIGITS = 4300;
const LARGEST = 10n ** BigInt(MAX_DIGITS);

/** `str(value)`. */
export function toText(run: Run, value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) {
    if (value.isStrict(run)) throw value.failure();
    return "";
  }
  return repr(run, value);
}

/** `repr(value)`. */
export function repr(run: Run, value: Value): string {
  const writer = new Writer(run);
  writer.write(value);
  return run.budget.text(writer.text);
}

export function integerText(value: number | bigint): string {
  if (typeof value === "bigint" && (value >= LARGEST || value <= -LARGEST)) {
    throw valueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  }
  return String(value);
}

/** Writes structures, and stops at the budget's limit: a list that holds one list many times over is far longer as text. */
class Writer {
  text = "";
  readonly #run: Run;
  readonly #open = new Set<object>();

  constructor(run: Run) {
    this.#run = run;
  }

  write(value: Value): void {
    this.#run.budget.spend(1);
    if (value === null) this.#add("None");
    else if (typeof value === "string") this.#add(quoted(value));
    else if (typeof value === "boolean") this.#add(value ? "True" : "False");
    else if (typeof value === "number" || typeof value === "bigint") this.#add(integerText(value));
    else if (value instanceof Float) this.#add(floatText(value.value));
    else if (value instanceof Markup) this.#add(`Markup(${quoted(value.text)})`);
    else if (value instanceof List) this.#within(value, "[...]", () => this.#items("[", value.items, "]"));
    else if (value instanceof Tuple) {
      this.#within(value, "(...)", () => this.#items("(", value.items, value.items.length === 1 ? ",)" : ")"));
    } else if (value instanceof Dict) this.#writeDict(value);
    else if (value instanceof DictView) {
      this.#add(`dict_${value.part}(`);
      this.write(new List([...viewItems(value)]));
      this.#add(")");
    } else if (value instanceof Range) {
      this.#add(`range(${value.start}, ${value.stop}${value.step === 1 ? "" : `, ${value.step}`})`);
    } else if (value instanceof Undefined) this.#add("Undefined");
    else if (value instanceof Iteration) this.#add(`<${typeName(value)} object>`);
    else value.write({ add: (text) => this.#add(text), write: (held) => this.write(held) });
  }

  #writeDict(value: Dict): void {
    this.#within(value, "{...}", () => {
      let first = true;
      this.#add("{");
      for (const [key, item] of value.entries()) {
        if (!first) this.#add(", ");
        first = false;
        this.write(key);
        this.#add(": ");
        this.write(item);
      }
      this.#add("}");
    });
  }

  #items(open: string, items: readonly Value[], close: string): void {
    this.#add(open);
    for (const [index, item] of items.entries()) {
      if (index > 0) this.#add(", ");
      this.write(item);
    }
    this.#add(close);
  }

  #within(value: object, again: string, write: () => void): void {
    if (this.#open.has(value)) {
      this.#add(again);
      return;
    }
    if (this.#open.size >= MAX_DEPTH) throw this.#run.budget.exceeded("makes lists too deep");
    this.#open.add(value);
    write();
    this.#open.delete(value);
  }

  #add(text: string): void {
    this.text += text;
    this.#run.budget.allow(this.text.length);
  }
}

/** The items of a view of a dict. */
export function viewItems({ dict, part }: DictView): Iterable<Value> {
  if (part === "keys") return dict.keys();
  if (part === "values") return dict.values();
  return pairs(dict);
}

function* pairs(dict: Dict): Generator<Value> {
  for (const [key, value] of dict.entries()) yield new Tuple([key, value]);
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
const PLAIN = /^[ !#-&(-[\]-~]*$/;

/** A text in quotes, single ones if it holds none or both kinds. */
export function quoted(text: string): string {
  if (PLAIN.test(text)) return `'${text}'`;
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = "";
  for (const character of text) {
    if (character === quote) body += `\\${quote}`;
    else body += ESCAPES[character] ?? (isPrintable(character) ? character : escaped(character));
  }
  return `${quote}${body}${quote}`;
}

/** `ascii(value)` of what `repr` gave. */
export function asciiOnly(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  const digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}
