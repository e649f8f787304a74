// `format(value, spec)`: fill, alignment, sign, width, grouping, precision and type, as in `"{:>8.2f}".format(x)`.

import { plainInteger, toFloat } from "../values/arithmetic.js";
import { fixed, significant } from "../values/exactDecimal.js";
import { exponentText, floatText } from "../values/floatText.js";
import { typeError, valueError } from "../values/pythonError.js";
import { integerText, toText } from "../values/textValue.js";
import { typeName } from "../values/typeName.js";
import { Float, isInteger, isText, type Run, textOf, type Value } from "../values/value.js";
import { lengthOf, sliceOf } from "./codePoints.js";

export interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?([a-zA-Z%])?$/su;
/** More digits than this are refused before they are made. */
const MAX_SIZE = 1_000_000;

function parseSpec(run: Run, text: string, value: Value): Spec {
  const match = SPEC.exec(text);
  if (match === null) throw valueError(`Invalid format specifier '${text}' for object of type '${typeName(value)}'`);
  const [, fill, align = "", sign = "", , alternate, zero, width = "0", grouping = "", precision, type = ""] = match;
  for (const size of [width, precision ?? "0"]) {
    if (Number(size) > MAX_SIZE) run.budget.allow(Number(size) * 100);
  }
  return {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align || (zero === undefined ? "" : isText(value) ? "<" : "="),
    sign,
    alternate: alternate !== undefined,
    zero: zero !== undefined,
    width: Number(width),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
}

export function formatSpec(run: Run, value: Value, text: string): string {
  if (text === "") return toText(run, value);
  if (isText(value)) return formatText(run, textOf(value), parseSpec(run, text, value), value);
  if (value instanceof Float) return formatFloat(run, value.value, parseSpec(run, text, value), value);
  if (!isInteger(value)) throw typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
  const spec = parseSpec(run, text, value);
  if ("eEfFgG%".includes(spec.type) && spec.type !== "") return formatFloat(run, toFloat(value), spec, value);
  return formatInteger(run, plainInteger(value), spec, value);
}

function unknownType(type: string, value: Value): Error {
  return valueError(`Unknown format code '${type}' for object of type '${typeName(value)}'`);
}

function formatText(run: Run, text: string, spec: Spec, value: Value): string {
  if (spec.type !== "" && spec.type !== "s") throw unknownType(spec.type, value);
  if (spec.sign !== "") throw valueError("Sign not allowed in string format specifier");
  if (spec.alternate) throw valueError("Alternate form (#) not allowed in string format specifier");
  if (spec.align === "=") throw valueError("'=' alignment not allowed in string format specifier");
  if (spec.grouping !== "") throw valueError(`Cannot specify '${spec.grouping}' with 's'.`);
  const cut = spec.precision === undefined ? text : sliceOf(text, 0, spec.precision);
  return padded(run, "", cut, spec, "<");
}

function formatInteger(run: Run, value: number | bigint, spec: Spec, original: Value): string {
  if (spec.precision !== undefined) throw valueError("Precision not allowed in integer format specifier");
  const negative = value < 0;
  const magnitude = negative ? -value : value;
  const radix = { b: 2, o: 8, x: 16, X: 16 }[spec.type];
  if (spec.type === "c") return formatCharacter(run, value, spec);
  if (radix === undefined && !["", "d", "n"].includes(spec.type)) throw unknownType(spec.type, original);
  if (spec.grouping === "," && radix !== undefined) throw valueError(`Cannot specify ',' with '${spec.type}'.`);
  if (spec.grouping !== "" && spec.type === "n") throw valueError(`Cannot specify '${spec.grouping}' with 'n'.`);
  let digits = radix === undefined ? integerText(magnitude) : magnitude.toString(radix);
  if (spec.type === "X") digits = digits.toUpperCase();
  const prefix = spec.alternate && radix !== undefined ? `0${spec.type}` : "";
  const sign = `${signOf(negative, spec)}${prefix}`;
  return padded(run, sign, grouped(digits, "", spec, sign.length, radix === undefined ? 3 : 4), spec, ">");
}

function formatCharacter(run: Run, value: number | bigint, spec: Spec): string {
  if (spec.sign !== "") throw valueError("Sign not allowed with integer format specifier 'c'");
  if (value < 0 || value > 0x10ffff) throw typeError("%c arg not in range(0x110000)");
  return padded(run, "", String.fromCodePoint(Number(value)), spec, "<");
}

function formatFloat(run: Run, value: number, spec: Spec, original: Value): string {
  if (!["", "e", "E", "f", "F", "g", "G", "n", "%"].includes(spec.type)) throw unknownType(spec.type, original);
  const negative = value < 0 || Object.is(value, -0);
  const text = floatDigits(value, spec.type, spec.precision, spec.alternate);
  const sign = signOf(negative, spec);
  const match = /^(\d+)(.*)$/s.exec(text);
  const body = match === null ? text : grouped(match[1] as string, match[2] as string, spec, sign.length, 3);
  return padded(run, sign, body, spec, ">");
}

/** A float without its sign, in one of the types of formats. */
export function floatDigits(value: number, type: string, precision: number | undefined, alternate: boolean): string {
  const upper = type === "E" || type === "F" || type === "G";
  if (!Number.isFinite(value)) {
    const text = `${Number.isNaN(value) ? "nan" : "inf"}${type === "%" ? "%" : ""}`;
    return upper ? text.toUpperCase() : text;
  }
  const magnitude = Math.abs(value);
  const made = finiteDigits(magnitude, type.toLowerCase(), precision, alternate);
  return upper ? made.toUpperCase() : made;
}

function finiteDigits(value: number, type: string, precision: number | undefined, alternate: boolean): string {
  const point = alternate && (precision ?? 6) === 0 ? "." : "";
  if (type === "f") return fixed(value, precision ?? 6) + point;
  if (type === "%") return `${percentDigits(value, precision ?? 6)}${point}%`;
  if (type === "e") {
    const { digits, exponent } = significant(value, (precision ?? 6) + 1);
    return `${pointed(digits)}${point}e${exponentText(exponent)}`;
  }
  if (type === "" && precision === undefined) return floatText(value);
  return general(value, Math.max(precision ?? 6, 1), alternate, type === "");
}

function percentDigits(value: number, precision: number): string {
  const hundred = value * 100;
  return Number.isFinite(hundred) ? fixed(hundred, precision) : "inf";
}

/** `g`: as many digits as are significant, with an exponent where the number is small or large for them. */
function general(value: number, precision: number, alternate: boolean, keepPoint: boolean): string {
  const { digits, exponent } = significant(value, precision);
  const trim = (text: string): string => (alternate || !text.includes(".") ? text : text.replace(/\.?0+$/, ""));
  if (exponent < -4 || exponent >= precision - (keepPoint ? 1 : 0)) {
    return `${trim(pointed(digits))}e${exponentText(exponent)}`;
  }
  const plain =
    exponent < 0
      ? `0.${"0".repeat(-exponent - 1)}${digits}`
      : `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`.replace(/\.$/, alternate ? "." : "");
  const made = trim(plain);
  return keepPoint && !made.includes(".") ? `${made}.0` : made;
}

function pointed(digits: string): string {
  return digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
}

function signOf(negative: boolean, spec: Spec): string {
  if (negative) return "-";
  return spec.sign === "+" || spec.sign === " " ? spec.sign : "";
}

/** Digits in groups; zeros that fill a width are grouped too. */
function grouped(digits: string, rest: string, spec: Spec, signLength: number, size: number): string {
  if (spec.grouping === "") return digits + rest;
  let wanted = digits.length;
  if (spec.fill === "0" && spec.align === "=") {
    const room = spec.width - rest.length - signLength;
    while (wanted + Math.floor((wanted - 1) / size) < room) wanted += 1;
  }
  const filled = digits.padStart(wanted, "0");
  const first = filled.length % size || size;
  const groups = [filled.slice(0, first)];
  for (let at = first; at < filled.length; at += size) groups.push(filled.slice(at, at + size));
  return groups.join(spec.grouping) + rest;
}

function padded(run: Run, sign: string, body: string, spec: Spec, otherwise: string): string {
  const missing = Math.max(0, spec.width - lengthOf(sign) - lengthOf(body));
  run.budget.allow(missing + body.length);
  const align = spec.align || otherwise;
  if (align === "=") return sign + spec.fill.repeat(missing) + body;
  const left = align === "<" ? 0 : align === ">" ? missing : Math.floor(missing / 2);
  return spec.fill.repeat(left) + sign + body + spec.fill.repeat(missing - left);
}
