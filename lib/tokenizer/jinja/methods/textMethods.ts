// The methods of texts. Each takes the text first.

import { EVERY } from "../text/characters.js";
import { lengthOf, spendOnPoints } from "../text/codePoints.js";
import { formatFields } from "../text/formatFields.js";
import { capitalize, casefold, swapcase, title } from "../text/letterCase.js";
import { replaceText } from "../text/replaceText.js";
import { splitAt, splitAtBack, splitLines, splitSpace, splitSpaceBack, strip } from "../text/strip.js";
import { withSignature } from "../values/bindArguments.js";
import { isTrue, iterate } from "../values/iterate.js";
import { PythonError, typeError, valueError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import {
  Dict,
  isInteger,
  isText,
  type Keywords,
  List,
  type Native,
  NO_KEYWORDS,
  type Run,
  Tuple,
  textOf,
  type Value,
} from "../values/value.js";
import { integerArgument, optionalText, textArgument } from "./arguments.js";
import { countText, finding, meeting, type TextMethod } from "./findText.js";

/** Methods that look at every character by itself. */
const THOROUGH: ReadonlySet<string> = new Set(
  "split rsplit splitlines title swapcase casefold capitalize expandtabs translate isspace istitle isprintable".split(
    " ",
  ),
);

/** Methods that count characters, or look at them where places are given. */
const POINTED: ReadonlySet<string> = new Set("find rfind index rindex count center ljust rjust zfill".split(" "));

function method(name: string, signature: string, body: TextMethod): [string, Native] {
  const weight = THOROUGH.has(name) ? 4 : 1;
  const pointed = POINTED.has(name);
  const rest = signature === "" ? "self, /" : `self, ${signature}`;
  const native = withSignature(name, rest, (run, self, ...args) => {
    const text = textOf(self as string);
    if (pointed) spendOnPoints(run, text);
    else run.budget.spendOn(text.length * weight);
    return body(run, text, ...args);
  });
  return [name, native];
}

const list = (run: Run, parts: readonly string[]): List => {
  run.budget.spend(parts.length);
  return new List(parts);
};

function stripping(left: boolean, right: boolean): TextMethod {
  return (_, text, characters) => strip(text, left, right, optionalText(characters));
}

function splitting(back: boolean): TextMethod {
  return (run, text, separator, most) => {
    const at = optionalText(separator);
    const limit = integerArgument(most, -1);
    if (at === undefined) return list(run, (back ? splitSpaceBack : splitSpace)(text, limit));
    if (at === "") throw valueError("empty separator");
    return list(run, (back ? splitAtBack : splitAt)(text, at, limit));
  };
}

function partition(back: boolean): TextMethod {
  return (_, text, separator) => {
    const at = textArgument(separator);
    if (at === "") throw valueError("empty separator");
    const index = back ? text.lastIndexOf(at) : text.indexOf(at);
    if (index < 0) return new Tuple(back ? ["", "", text] : [text, "", ""]);
    return new Tuple([text.slice(0, index), at, text.slice(index + at.length)]);
  };
}

function aligning(leftOf: (missing: number, width: number) => number): TextMethod {
  return (run, text, width, fill) => {
    const target = integerArgument(width, 0);
    const filling = fill === undefined ? " " : textArgument(fill);
    if (lengthOf(filling) !== 1) throw typeError("The fill character must be exactly one character long");
    const missing = Math.max(0, target - lengthOf(text));
    run.budget.allow(missing + text.length);
    const left = leftOf(missing, target);
    return run.budget.text(filling.repeat(left) + text + filling.repeat(missing - left));
  };
}

/** `str.join`. */
export function joinTexts(run: Run, separator: string, items: Iterable<Value>): string {
  const parts: string[] = [];
  let length = 0;
  for (const item of items) {
    if (!isText(item)) {
      throw typeError(`sequence item ${parts.length}: expected str instance, ${typeName(item)} found`);
    }
    parts.push(textOf(item));
    length += textOf(item).length + separator.length;
    run.budget.allow(length);
  }
  return run.budget.text(parts.join(separator));
}

function zfill(run: Run, text: string, width: Value | undefined): Value {
  const missing = Math.max(0, integerArgument(width, 0) - lengthOf(text));
  run.budget.allow(missing + text.length);
  const sign = /^[+-]/.test(text) ? text.slice(0, 1) : "";
  return run.budget.text(sign + "0".repeat(missing) + text.slice(sign.length));
}

function expandTabs(run: Run, text: string, size: Value | undefined): Value {
  const width = integerArgument(size, 8);
  run.budget.allow(text.length + (text.split("\t").length - 1) * Math.max(0, width));
  let column = 0;
  let made = "";
  for (const character of text) {
    if (character === "\t") {
      const spaces = width > 0 ? width - (column % width) : 0;
      made += " ".repeat(spaces);
      column += spaces;
    } else {
      made += character;
      column = character === "\n" || character === "\r" ? 0 : column + 1;
    }
  }
  return run.budget.text(made);
}

function translate(run: Run, text: string, table: Value | undefined): Value {
  if (!(table instanceof Dict)) throw typeError(`'${typeName(table ?? null)}' object is not subscriptable`);
  let made = "";
  for (const character of text) {
    const found = table.get(character.codePointAt(0) as number);
    if (found === undefined) made += character;
    else if (isInteger(found)) made += String.fromCodePoint(Number(found));
    else if (isText(found)) made += textOf(found);
    else if (found !== null) throw typeError("character mapping must return integer, None or str");
    run.budget.allow(made.length);
  }
  return run.budget.text(made);
}

function format(run: Run, args: readonly Value[], keywords: Keywords): Value {
  return formatFields(run, textOf(args[0] as string), args.slice(1), keywords, false);
}

function formatMap(run: Run, args: readonly Value[], keywords: Keywords): Value {
  if (keywords.size > 0) throw typeError("format_map() takes no keyword arguments");
  if (args.length !== 2) throw typeError(`format_map() takes exactly one argument (${args.length - 1} given)`);
  const named = new Map<string, Value>();
  if (args[1] instanceof Dict)
    for (const [key, value] of args[1].entries()) if (isText(key)) named.set(textOf(key), value);
  return formatFields(run, textOf(args[0] as string), [], named, false);
}

function notKnown(name: string): [string, Native] {
  return [
    name,
    () => {
      throw new PythonError("NotImplementedError", `the method ${name} of texts is not known here`);
    },
  ];
}

/** The methods by their names. */
export const TEXT_METHODS: ReadonlyMap<string, Native> = new Map<string, Native>([
  method("strip", "chars?, /", stripping(true, true)),
  method("lstrip", "chars?, /", stripping(true, false)),
  method("rstrip", "chars?, /", stripping(false, true)),
  method("split", "sep?, maxsplit?", splitting(false)),
  method("rsplit", "sep?, maxsplit?", splitting(true)),
  method("splitlines", "keepends?", (run, text, keep) =>
    list(run, splitLines(text, keep !== undefined && isTrue(run, keep))),
  ),
  method("partition", "sep, /", partition(false)),
  method("rpartition", "sep, /", partition(true)),
  method("find", "sub, start?, end?, /", finding(false, false)),
  method("rfind", "sub, start?, end?, /", finding(true, false)),
  method("index", "sub, start?, end?, /", finding(false, true)),
  method("rindex", "sub, start?, end?, /", finding(true, true)),
  method("count", "sub, start?, end?, /", countText),
  method(
    "startswith",
    "prefix, start?, end?, /",
    meeting("startswith", (part, wanted) => part.startsWith(wanted)),
  ),
  method(
    "endswith",
    "suffix, start?, end?, /",
    meeting("endswith", (part, wanted) => part.endsWith(wanted)),
  ),
  method("removeprefix", "prefix, /", (_, text, prefix) => {
    const taken = textArgument(prefix);
    return text.startsWith(taken) ? text.slice(taken.length) : text;
  }),
  method("removesuffix", "suffix, /", (_, text, suffix) => {
    const taken = textArgument(suffix);
    return text.endsWith(taken) ? text.slice(0, text.length - taken.length) : text;
  }),
  method("replace", "old, new, count?, /", (run, text, old, made, most) =>
    replaceText(run, text, textArgument(old), textArgument(made), integerArgument(most, -1)),
  ),
  method("join", "iterable, /", (run, text, items) => joinTexts(run, text, iterate(run, items as Value))),
  method("upper", "", (run, text) => run.budget.text(text.toUpperCase())),
  method("lower", "", (run, text) => run.budget.text(text.toLowerCase())),
  method("title", "", (_, text) => title(text)),
  method("capitalize", "", (_, text) => capitalize(text)),
  method("swapcase", "", (_, text) => swapcase(text)),
  method("casefold", "", (_, text) => casefold(text)),
  method(
    "center",
    "width, fillchar?, /",
    aligning((missing, width) => Math.floor(missing / 2) + (missing & width & 1)),
  ),
  method(
    "ljust",
    "width, fillchar?, /",
    aligning(() => 0),
  ),
  method(
    "rjust",
    "width, fillchar?, /",
    aligning((missing) => missing),
  ),
  method("zfill", "width, /", zfill),
  method("expandtabs", "tabsize?", expandTabs),
  method("translate", "table, /", translate),
  ["format", format],
  ["format_map", formatMap],
  ...Object.entries(EVERY).map(([name, test]) => method(name, "", (_, text) => test(text))),
  notKnown("encode"),
  notKnown("maketrans"),
]);

/** Calls a method of a text. */
export function callTextMethod(run: Run, name: string, ...args: Value[]): Value {
  return (TEXT_METHODS.get(name) as Native)(run, args, NO_KEYWORDS);
}
