// `text % values`, as in `"%s has %d" % (name, count)`.

import { itemOf } from "../values/access.js";
import { plainInteger, toFloat } from "../values/arithmetic.js";
import { PythonError, typeError, valueError } from "../values/pythonError.js";
import { asciiOnly, integerText, repr, toText } from "../values/textValue.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import {
  Dict,
  Float,
  isInteger,
  isNumber,
  isText,
  List,
  Markup,
  Range,
  type Run,
  TemplateObject,
  Tuple,
  textOf,
  type Value,
} from "../values/value.js";
import { lengthOf, sliceOf } from "./codePoints.js";
import { escapeHtml } from "./escapeHtml.js";
import { floatDigits } from "./formatSpec.js";

const DIRECTIVE = /%(?:\(((?:[^()]|\([^()]*\))*)\))?([-#0 +]*)(\*|\d+)?(?:\.(\*|\d+)?)?([hlL])?(.)?/gsu;
const MAX_SIZE = 1_000_000;

/** @throws PythonError TypeError or ValueError for values that do not fit the text. */
export function formatPercent(run: Run, format: string | Markup, given: Value): Value {
  const formatter = new Percent(run, given, format instanceof Markup);
  const text = formatter.format(textOf(format));
  return format instanceof Markup ? new Markup(text) : text;
}

class Percent {
  readonly #run: Run;
  readonly #given: Value;
  readonly #escapes: boolean;
  /** How many items of a tuple were taken. */
  #next = 0;
  /** What the next directive takes, where that is no tuple's item: the value given, or the entry that was named last. */
  #single: Value | undefined;

  constructor(run: Run, given: Value, escapes: boolean) {
    this.#run = run;
    this.#given = given;
    this.#single = given instanceof Tuple ? undefined : given;
    this.#escapes = escapes;
  }

  format(text: string): string {
    let made = "";
    let end = 0;
    for (const match of text.matchAll(DIRECTIVE)) {
      this.#run.budget.spend(1);
      made += text.slice(end, match.index);
      end = match.index + match[0].length;
      made += this.#directive(match);
      this.#run.budget.allow(made.length);
    }
    if (!this.#isMapping() && (this.#single !== undefined || this.#next < this.#count())) {
      throw typeError("not all arguments converted during string formatting");
    }
    return this.#run.budget.text(made + text.slice(end));
  }

  #directive([whole, key, flags = "", width, precision, , type]: RegExpExecArray): string {
    if (key !== undefined) this.#single = this.#named(key);
    const size = width === "*" ? this.#star() : Number(width ?? 0);
    const given = whole.includes(".", (key ?? "").length) && /\.(\*|\d*)[hlL]?.?$/su.test(whole);
    const digits = !given ? undefined : precision === "*" ? this.#star() : Number(precision ?? 0);
    if (type === undefined) throw valueError("incomplete format");
    if (type === "%") return "%";
    if (Math.abs(size) > MAX_SIZE || (digits ?? 0) > MAX_SIZE) this.#run.budget.allow(Number.POSITIVE_INFINITY);
    if (!"sradiuoxXeEfFgGc".includes(type)) {
      const code = (type.codePointAt(0) ?? 0).toString(16);
      throw valueError(`unsupported format character '${type}' (0x${code})`);
    }
    const value = this.#take();
    const left = flags.includes("-") || size < 0;
    const [sign, body] = this.#write(value, type, flags, digits);
    const missing = Math.max(0, Math.abs(size) - sign.length - lengthOf(body));
    if (left) return sign + body + " ".repeat(missing);
    const zero = flags.includes("0") && "diuoxXeEfFgG".includes(type);
    return zero ? sign + "0".repeat(missing) + body : " ".repeat(missing) + sign + body;
  }

  /** The sign with a prefix, and the rest. */
  #write(value: Value, type: string, flags: string, precision: number | undefined): [string, string] {
    if ("sra".includes(type)) {
      const text = type === "s" ? this.#text(value) : this.#repr(value, type === "a");
      return ["", precision === undefined ? text : sliceOf(text, 0, precision)];
    }
    if (type === "c") return ["", this.#character(value)];
    if (value instanceof Undefined && !"oxX".includes(type)) throw value.failure();
    if (!isNumber(value)) {
      if (!"eEfFgG".includes(type)) {
        const what = "oxX".includes(type) ? "an integer is required" : "a real number is required";
        throw typeError(`%${type} format: ${what}, not ${typeName(value)}`);
      }
      throw typeError(`must be real number, not ${typeName(value)}`);
    }
    const positive = flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
    if ("eEfFgG".includes(type)) {
      const number = toFloat(value);
      const negative = number < 0 || Object.is(number, -0);
      return [negative ? "-" : positive, floatDigits(number, type, precision ?? 6, flags.includes("#"))];
    }
    const whole = this.#integer(value, type);
    const magnitude = whole < 0 ? -whole : whole;
    const radix = { o: 8, x: 16, X: 16 }[type];
    let body = (radix === undefined ? integerText(magnitude) : magnitude.toString(radix)).padStart(precision ?? 0, "0");
    if (type === "X") body = body.toUpperCase();
    const prefix = flags.includes("#") && radix !== undefined ? `0${type}` : "";
    return [`${whole < 0 ? "-" : positive}${prefix}`, body];
  }

  #integer(value: Value, type: string): number | bigint {
    if (isInteger(value)) return plainInteger(value);
    if (!(value instanceof Float) || "oxX".includes(type)) {
      throw typeError(`%${type} format: an integer is required, not ${typeName(value)}`);
    }
    if (Number.isNaN(value.value)) throw valueError("cannot convert float NaN to integer");
    if (!Number.isFinite(value.value)) {
      throw new PythonError("OverflowError", "cannot convert float infinity to integer");
    }
    return BigInt(Math.trunc(value.value));
  }

  #character(value: Value): string {
    if (isText(value) && lengthOf(textOf(value)) === 1) return textOf(value);
    if (!isInteger(value)) throw typeError("%c requires int or char");
    const code = Number(plainInteger(value));
    if (code < 0 || code > 0x10ffff) throw new PythonError("OverflowError", "%c arg not in range(0x110000)");
    return String.fromCodePoint(code);
  }

  #text(value: Value): string {
    return this.#escapes ? escapeHtml(this.#run, value).text : toText(this.#run, value);
  }

  #repr(value: Value, ascii: boolean): string {
    const text = repr(this.#run, value);
    const made = this.#escapes ? escapeHtml(this.#run, text).text : text;
    return ascii ? asciiOnly(made) : made;
  }

  #star(): number {
    const value = this.#take();
    if (!isInteger(value)) throw typeError("* wants int");
    return Number(plainInteger(value));
  }

  #take(): Value {
    const single = this.#single;
    this.#single = undefined;
    if (single !== undefined) return single;
    const value = this.#given instanceof Tuple ? this.#given.items[this.#next] : undefined;
    if (value === undefined) throw typeError("not enough arguments for format string");
    this.#next += 1;
    return value;
  }

  #named(key: string): Value {
    if (!this.#isMapping()) throw typeError("format requires a mapping");
    if (this.#given instanceof Dict) {
      const value = this.#given.get(key);
      if (value === undefined) throw new PythonError("KeyError", repr(this.#run, key));
      return value;
    }
    if (this.#given instanceof Undefined) throw this.#given.failure();
    if (!(this.#given instanceof TemplateObject)) {
      throw typeError(`${typeName(this.#given)} indices must be integers or slices, not str`);
    }
    return itemOf(this.#run, this.#given, key);
  }

  /** What has entries in Python's eyes: not tuples and texts, which are values. */
  #isMapping(): boolean {
    const given = this.#given;
    return given instanceof Dict || given instanceof List || given instanceof Range || given instanceof Undefined;
  }

  #count(): number {
    return this.#given instanceof Tuple ? this.#given.items.length : 0;
  }
}
