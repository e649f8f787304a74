// `tojson` as transformers has it: Python's json.dumps, by default with letters of all languages as they are.

import { sorted } from "../values/compare.js";
import { floatText } from "../values/floatText.js";
import { typeError } from "../values/pythonError.js";
import { integerText } from "../values/textValue.js";
import { typeName } from "../values/typeName.js";
import { Dict, Float, isText, List, type Run, Tuple, textOf, type Value } from "../values/value.js";

export interface JsonStyle {
  readonly ascii: boolean;
  /** What one level is indented by; undefined for all in one line. */
  readonly indent: string | undefined;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
}

/** Deeper structures are refused; Python's own limit is of the same order. */
const MAX_DEPTH = 200;
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f" },
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes control characters
const UNSAFE = /["\\\x00-\x1f]/g;
const UNSAFE_ASCII = /["\\]|[^ -~]/g;

/** @throws PythonError TypeError for what JSON has no form for. */
export function toJson(run: Run, value: Value, style: JsonStyle): string {
  const writer = new JsonWriter(run, style);
  writer.write(value, 0);
  return run.budget.text(writer.text);
}

class JsonWriter {
  text = "";
  readonly #run: Run;
  readonly #style: JsonStyle;

  constructor(run: Run, style: JsonStyle) {
    this.#run = run;
    this.#style = style;
  }

  write(value: Value, depth: number): void {
    this.#run.budget.spend(1);
    if (depth > MAX_DEPTH) throw this.#run.budget.exceeded("makes lists too deep");
    if (isText(value)) this.#add(this.#quoted(textOf(value)));
    else if (value instanceof Dict) this.#entries(value, depth);
    else if (value instanceof List || value instanceof Tuple) this.#items(value.items, depth);
    else this.#add(plain(value));
  }

  #items(items: readonly Value[], depth: number): void {
    this.#add("[");
    for (const [index, item] of items.entries()) {
      this.#before(index, depth);
      this.write(item, depth + 1);
    }
    this.#after("]", depth, items.length);
  }

  #entries(dict: Dict, depth: number): void {
    let entries: readonly (readonly [Value, Value])[] = [...dict.entries()];
    if (this.#style.sortKeys) entries = sorted(this.#run, entries, ([key]) => key, false);
    this.#add("{");
    for (const [index, [key, value]] of entries.entries()) {
      this.#before(index, depth);
      this.#add(this.#quoted(keyText(key)) + this.#style.keySeparator);
      this.write(value, depth + 1);
    }
    this.#after("}", depth, dict.size);
  }

  #before(index: number, depth: number): void {
    if (index > 0) this.#add(this.#style.itemSeparator);
    this.#newLine(depth + 1);
  }

  #after(close: string, depth: number, size: number): void {
    if (size > 0) this.#newLine(depth);
    this.#add(close);
  }

  #newLine(depth: number): void {
    const { indent } = this.#style;
    if (indent === undefined) return;
    this.#run.budget.allow(this.text.length + indent.length * depth);
    this.#add(`\n${indent.repeat(depth)}`);
  }

  #quoted(text: string): string {
    const escaped = text.replace(
      this.#style.ascii ? UNSAFE_ASCII : UNSAFE,
      (unit) => ESCAPES[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    return `"${escaped}"`;
  }

  #add(text: string): void {
    this.text += text;
    this.#run.budget.allow(this.text.length);
  }
}

function plain(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return integerText(value);
  if (value instanceof Float) {
    if (Number.isFinite(value.value)) return floatText(value.value);
    return Number.isNaN(value.value) ? "NaN" : value.value > 0 ? "Infinity" : "-Infinity";
  }
  throw typeError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function keyText(key: Value): string {
  if (isText(key)) return textOf(key);
  if (key === null || typeof key === "boolean" || typeof key === "number" || typeof key === "bigint") return plain(key);
  if (key instanceof Float) return plain(key);
  throw typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}
