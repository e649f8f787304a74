// Filters over texts.

import { integerArgument, optionalText, textArgument } from "../methods/arguments.js";
import { callTextMethod } from "../methods/textMethods.js";
import { WHITE_SPACE } from "../text/characters.js";
import { compareTexts } from "../text/codePoints.js";
import { escapeHtml } from "../text/escapeHtml.js";
import { formatPercent } from "../text/formatPercent.js";
import { type JsonStyle, toJson } from "../text/json.js";
import { capitalize } from "../text/letterCase.js";
import { replaceText } from "../text/replaceText.js";
import { splitLines, strip } from "../text/strip.js";
import { wrapText } from "../text/wrapText.js";
import { sliceValue } from "../values/access.js";
import { withSignature } from "../values/bindArguments.js";
import { ordered } from "../values/compare.js";
import { isTrue, itemsOf, sizeOf } from "../values/iterate.js";
import { operate } from "../values/operators.js";
import { PythonError, typeError } from "../values/pythonError.js";
import { repr, toText } from "../values/textValue.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import {
  Dict,
  isInteger,
  isText,
  type Keywords,
  List,
  Markup,
  type Native,
  type Run,
  Tuple,
  textOf,
  type Value,
} from "../values/value.js";

/** A text of any value, which stays marked safe. */
function softText(run: Run, value: Value): string | Markup {
  return isText(value) ? value : toText(run, value);
}

/** Runs a method of texts, so that what is marked safe stays so. */
function byMethod(name: string, signature: string, method: (text: string) => string): Native {
  return withSignature(name, signature, (run, value) => {
    const text = softText(run, value as Value);
    run.budget.spendOn(textOf(text).length * 2);
    const made = run.budget.text(method(textOf(text)));
    return typeof text === "string" ? made : new Markup(made);
  });
}

/** White space, brackets and hyphens: a word begins behind them. */
const WORD_START = new RegExp(`([-${WHITE_SPACE}({[<]+)`, "u");

function title(text: string): string {
  return text
    .split(WORD_START)
    .map((part) => {
      const [first = ""] = part;
      return first.toUpperCase() + part.slice(first.length).toLowerCase();
    })
    .join("");
}

function indent(run: Run, value: Value, width: Value, first: Value, blank: Value): Value {
  const indention = isText(width) ? width : operate(run, "*", " ", width);
  if (value instanceof List) throw new PythonError("AttributeError", "'list' object has no attribute 'splitlines'");
  const text = operate(run, "+", value, "\n") as string | Markup;
  const lines = splitLines(textOf(text), false);
  run.budget.spend(lines.length);
  const before = textOf(indention as string | Markup);
  run.budget.allow(textOf(text).length + lines.length * before.length);
  const everyLine = isTrue(run, blank);
  const made = lines.map((line, index) => (index > 0 && (everyLine || line !== "") ? before + line : line)).join("\n");
  const whole = run.budget.text(isTrue(run, first) ? before + made : made);
  return value instanceof Markup ? new Markup(whole) : whole;
}

function truncate(run: Run, value: Value, length: Value, killWords: Value, end: Value, leeway: Value): Value {
  const slack = leeway === null ? 5 : leeway;
  const endLength = sizeOf(run, end);
  if (endLength === undefined) throw typeError(`object of type '${typeName(end)}' has no len()`);
  if (!ordered(run, ">=", length, endLength)) {
    throw new PythonError("AssertionError", `expected length >= ${endLength}, got ${toText(run, length)}`);
  }
  if (!ordered(run, ">=", slack, 0))
    throw new PythonError("AssertionError", `expected leeway >= 0, got ${toText(run, slack)}`);
  const size = sizeOf(run, value);
  if (size === undefined) throw typeError(`object of type '${typeName(value)}' has no len()`);
  if (ordered(run, "<=", size, operate(run, "+", length, slack))) return value;
  const cut = sliceValue(run, value, null, operate(run, "-", length, endLength), null);
  if (isTrue(run, killWords)) return operate(run, "+", cut, end);
  if (!isText(cut)) throw new PythonError("AttributeError", `'${typeName(cut)}' object has no attribute 'rsplit'`);
  const text = textOf(cut);
  const space = text.lastIndexOf(" ");
  const kept = space < 0 ? text : text.slice(0, space);
  return operate(run, "+", typeof cut === "string" ? kept : new Markup(kept), end);
}

function wordWrap(run: Run, value: Value, width: Value, breakLong: Value, wrap: Value, hyphens: Value): Value {
  if (value instanceof Undefined) throw value.failure();
  if (!isText(value))
    throw new PythonError("AttributeError", `'${typeName(value)}' object has no attribute 'splitlines'`);
  const between = wrap === null ? "\n" : textArgument(wrap);
  const style = {
    width: integerArgument(width, 79),
    breakLongWords: isTrue(run, breakLong),
    breakOnHyphens: isTrue(run, hyphens),
  };
  const lines = splitLines(textOf(value), false).map((line) => wrapText(run, line, style).join(between));
  return run.budget.text(lines.join(between));
}

function format(run: Run, args: readonly Value[], keywords: Keywords): Value {
  const [value, ...rest] = args;
  if (value === undefined) throw typeError("do_format() missing 1 required positional argument: 'value'");
  if (rest.length > 0 && keywords.size > 0) {
    throw new PythonError("FilterArgumentError", "can't handle positional and keyword arguments at the same time");
  }
  return formatPercent(run, softText(run, value), keywords.size > 0 ? new Dict(keywords, run) : new Tuple(rest));
}

function replace(run: Run, value: Value, old: Value, made: Value, count: Value): Value {
  const most = count === null ? -1 : integerArgument(count, -1);
  return replaceText(run, toText(run, value), toText(run, old), toText(run, made), most);
}

function json(run: Run, value: Value, ascii: Value, indention: Value, separators: Value, sortKeys: Value): Value {
  let itemSeparator = indention === null ? ", " : ",";
  let keySeparator = ": ";
  if (separators !== null) {
    const parts = itemsOf(run, separators);
    if (parts.length !== 2) {
      const what =
        parts.length > 2 ? "too many values to unpack (expected 2)" : "not enough values to unpack (expected 2)";
      throw new PythonError("ValueError", what);
    }
    [itemSeparator, keySeparator] = parts.map(textArgument) as [string, string];
  }
  const style: JsonStyle = {
    ascii: isTrue(run, ascii),
    indent: indention === null ? undefined : indentText(run, indention),
    itemSeparator,
    keySeparator,
    sortKeys: isTrue(run, sortKeys),
  };
  return toJson(run, value, style);
}

function indentText(run: Run, value: Value): string {
  if (isText(value)) return textOf(value);
  if (!isInteger(value)) throw typeError(`can't multiply sequence by non-int of type '${typeName(value)}'`);
  return operate(run, "*", " ", value) as string;
}

/** A value as `pprint` writes it where it fits one line. */
function prettyText(run: Run, value: Value): string {
  const sort = (one: Value): Value => {
    if (one instanceof Dict) {
      const entries = [...one.entries()].map(([key, item]) => ({ key, item: sort(item), text: repr(run, key) }));
      entries.sort((a, b) => compareTexts(a.text, b.text));
      return new Dict(
        entries.map(({ key, item }): [Value, Value] => [key, item]),
        run,
      );
    }
    if (one instanceof List) return new List(one.items.map(sort));
    return one instanceof Tuple ? new Tuple(one.items.map(sort)) : one;
  };
  return repr(run, sort(value));
}

const WORDS = /[\p{L}\p{N}_]+/gu;

export const TEXT_FILTERS: ReadonlyMap<string, Native> = new Map<string, Native>([
  ["upper", byMethod("do_upper", "s", (text) => text.toUpperCase())],
  ["lower", byMethod("do_lower", "s", (text) => text.toLowerCase())],
  ["capitalize", byMethod("do_capitalize", "s", capitalize)],
  [
    "title",
    withSignature("do_title", "s", (run, value) => run.budget.text(title(textOf(softText(run, value as Value))))),
  ],
  [
    "trim",
    withSignature("do_trim", "value, chars?", (run, value, characters) => {
      const text = softText(run, value as Value);
      const made = strip(textOf(text), true, true, optionalText(characters));
      return typeof text === "string" ? made : new Markup(made);
    }),
  ],
  [
    "center",
    withSignature("do_center", "value, width?", (run, value, width = 80) => {
      const text = softText(run, value as Value);
      const made = textOf(callTextMethod(run, "center", textOf(text), width) as string);
      return typeof text === "string" ? made : new Markup(made);
    }),
  ],
  [
    "indent",
    withSignature("do_indent", "s, width?, first?, blank?", (run, value, width = 4, first = false, blank = false) =>
      indent(run, value as Value, width, first, blank),
    ),
  ],
  [
    "truncate",
    withSignature(
      "do_truncate",
      "s, length?, killwords?, end?, leeway?",
      (run, value, length = 255, kill = false, end = "...", leeway = null) =>
        truncate(run, value as Value, length, kill, end, leeway),
    ),
  ],
  [
    "wordwrap",
    withSignature(
      "do_wordwrap",
      "s, width?, break_long_words?, wrapstring?, break_on_hyphens?",
      (run, value, width = 79, long = true, wrap = null, hyphens = true) =>
        wordWrap(run, value as Value, width, long, wrap, hyphens),
    ),
  ],
  [
    "wordcount",
    withSignature("do_wordcount", "s", (run, value) => {
      const text = textOf(softText(run, value as Value));
      run.budget.spendOn(text.length * 8);
      return text.match(WORDS)?.length ?? 0;
    }),
  ],
  ["format", format],
  [
    "replace",
    withSignature("do_replace", "s, old, new, count?", (run, value, old, made, count = null) =>
      replace(run, value as Value, old as Value, made as Value, count),
    ),
  ],
  ["string", withSignature("soft_str", "s, /", (run, value) => softText(run, value as Value))],
  [
    "tojson",
    withSignature(
      "tojson",
      "x, ensure_ascii?, indent?, separators?, sort_keys?",
      (run, value, ascii = false, indention = null, separators = null, sort = false) =>
        json(run, value as Value, ascii, indention, separators, sort),
    ),
  ],
  ["pprint", withSignature("do_pprint", "value", (run, value) => run.budget.text(prettyText(run, value as Value)))],
  ["safe", withSignature("do_mark_safe", "value", (run, value) => new Markup(toText(run, value as Value)))],
  ["escape", withSignature("escape", "s, /", (run, value) => escapeHtml(run, value as Value))],
  ["e", withSignature("escape", "s, /", (run, value) => escapeHtml(run, value as Value))],
  [
    "forceescape",
    withSignature("do_forceescape", "value", (run, value) => escapeHtml(run, toText(run, value as Value))),
  ],
]);
