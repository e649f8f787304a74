// `"{} and {name}".format(...)`, whose fields look into values by the sandbox's rules.

import { attributeOf, itemOf } from "../values/access.js";
import { PythonError, typeError, valueError } from "../values/pythonError.js";
import { asciiOnly, repr, toText } from "../values/textValue.js";
import { Undefined } from "../values/undefined.js";
import { type Keywords, Markup, type Run, type Value } from "../values/value.js";
import { escapeHtml } from "./escapeHtml.js";
import { formatSpec } from "./formatSpec.js";

interface Field {
  readonly literal: string;
  readonly name?: string;
  readonly spec: string;
  readonly conversion?: string;
}

/** @param escapes Whether what is put in is escaped, as for a text that is marked safe. */
export function formatFields(
  run: Run,
  format: string,
  args: readonly Value[],
  keywords: Keywords,
  escapes: boolean,
): string {
  return run.budget.text(new Fields(run, args, keywords, escapes).format(format, 2));
}

class Fields {
  readonly #run: Run;
  readonly #args: readonly Value[];
  readonly #keywords: Keywords;
  readonly #escapes: boolean;
  /** The next place of a field without a name; undefined once fields have numbers. */
  #auto: number | undefined = 0;

  constructor(run: Run, args: readonly Value[], keywords: Keywords, escapes: boolean) {
    this.#run = run;
    this.#args = args;
    this.#keywords = keywords;
    this.#escapes = escapes;
  }

  format(format: string, levels: number): string {
    if (levels < 0) throw valueError("Max string recursion exceeded");
    let made = "";
    for (const { literal, name, spec, conversion } of fieldsOf(format)) {
      this.#run.budget.spend(1);
      made += literal;
      if (name === undefined) continue;
      const converted = this.#convert(this.#find(this.#numbered(name)), conversion);
      made += this.#write(converted, this.format(spec, levels - 1));
      this.#run.budget.allow(made.length);
    }
    return made;
  }

  #numbered(name: string): string {
    if (name === "") {
      if (this.#auto === undefined)
        throw valueError("cannot switch from manual field specification to automatic field numbering");
      this.#auto += 1;
      return String(this.#auto - 1);
    }
    if (/^\d+$/.test(name)) {
      if (this.#auto !== undefined && this.#auto > 0) {
        throw valueError("cannot switch from manual field specification to automatic field numbering");
      }
      this.#auto = undefined;
    }
    return name;
  }

  #find(name: string): Value {
    const [first = ""] = /^[^.[]*/.exec(name) ?? [];
    let value = this.#argument(first);
    let rest = name.slice(first.length);
    while (rest !== "") {
      this.#run.budget.spend(1);
      const match = /^\.([^.[]*)|^\[([^\]]*)\]/.exec(rest);
      if (match === null) throw valueError("Missing ']' in format string");
      const [whole, attribute, key] = match;
      if ((attribute ?? key) === "") throw valueError("Empty attribute in format string");
      if (attribute !== undefined) value = attributeOf(this.#run, value, attribute);
      else value = itemOf(this.#run, value, /^\d+$/.test(key as string) ? Number(key) : (key as string));
      rest = rest.slice(whole.length);
      if (rest !== "" && !/^[.[]/.test(rest))
        throw valueError("Only '.' or '[' may follow ']' in format field specifier");
    }
    return value;
  }

  #argument(name: string): Value {
    if (/^\d+$/.test(name)) {
      const value = this.#args[Number(name)];
      if (value === undefined) {
        throw new PythonError("IndexError", `Replacement index ${name} out of range for positional args tuple`);
      }
      return value;
    }
    const value = this.#keywords.get(name);
    if (value === undefined) throw new PythonError("KeyError", repr(this.#run, name));
    return value;
  }

  #convert(value: Value, conversion: string | undefined): Value {
    if (conversion === undefined) return value;
    if (conversion === "s") return toText(this.#run, value);
    if (conversion === "r") return repr(this.#run, value);
    if (conversion === "a") return asciiOnly(repr(this.#run, value));
    throw valueError(`Unknown conversion specifier ${conversion}`);
  }

  #write(value: Value, spec: string): string {
    if (value instanceof Markup && this.#escapes) {
      if (spec !== "") throw valueError("Unsupported format specification for Markup.");
      return value.text;
    }
    if (value instanceof Undefined && spec !== "")
      throw typeError("unsupported format string passed to Undefined.__format__");
    const made = formatSpec(this.#run, value, spec);
    return this.#escapes ? escapeHtml(this.#run, made).text : made;
  }
}

/** The parts of a format: each a literal text and, but for the last, a field. */
function* fieldsOf(format: string): Generator<Field> {
  let literal = "";
  let index = 0;
  while (index < format.length) {
    const character = format.charAt(index);
    index += 1;
    if (character !== "{" && character !== "}") {
      literal += character;
    } else if (format.charAt(index) === character) {
      literal += character;
      index += 1;
    } else if (character === "}") {
      throw valueError("Single '}' encountered in format string");
    } else {
      if (index >= format.length) throw valueError("Single '{' encountered in format string");
      const end = closing(format, index);
      yield { literal, ...parseField(format.slice(index, end)) };
      literal = "";
      index = end + 1;
    }
  }
  if (literal !== "") yield { literal, spec: "" };
}

function closing(format: string, start: number): number {
  let open = 1;
  for (let index = start; index < format.length; index += 1) {
    if (format.charAt(index) === "{") open += 1;
    if (format.charAt(index) === "}") open -= 1;
    if (open === 0) return index;
  }
  throw valueError("expected '}' before end of string");
}

function parseField(text: string): Omit<Field, "literal"> {
  let end = 0;
  let bracket = false;
  for (; end < text.length; end += 1) {
    const character = text.charAt(end);
    if (character === "{") throw valueError("unexpected '{' in field name");
    if (character === "[") bracket = true;
    if (character === "]") bracket = false;
    if (!bracket && (character === ":" || character === "!")) break;
  }
  const name = text.slice(0, end);
  if (text.charAt(end) !== "!") return { name, spec: text.slice(end + 1) };
  const conversion = text.charAt(end + 1);
  if (conversion === "") throw valueError("end of string while looking for conversion specifier");
  const after = text.charAt(end + 2);
  if (after !== "" && after !== ":") throw valueError("expected ':' after conversion specifier");
  return { name, conversion, spec: text.slice(end + 3) };
}
