// The methods of texts that are marked safe: those of texts, whose results are marked too, and whose arguments are escaped.

import { escapeHtml } from "../text/escapeHtml.js";
import { formatFields } from "../text/formatFields.js";
import { stripTags, unescapeHtml } from "../text/stripTags.js";
import { withSignature } from "../values/bindArguments.js";
import { iterate } from "../values/iterate.js";
import {
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
import { joinTexts, TEXT_METHODS } from "./textMethods.js";

const MARKED: ReadonlySet<string> = new Set(
  (
    "strip lstrip rstrip split rsplit splitlines partition rpartition removeprefix removesuffix replace upper lower title " +
    "capitalize swapcase casefold center ljust rjust zfill expandtabs translate"
  ).split(" "),
);
/** Which argument is escaped. */
const ESCAPED: Readonly<Record<string, number>> = { replace: 2, center: 2, ljust: 2, rjust: 2 };

function marked(value: Value): Value {
  if (isText(value)) return new Markup(textOf(value));
  if (value instanceof List) return new List(value.items.map(marked));
  return value instanceof Tuple ? new Tuple(value.items.map(marked)) : value;
}

function marking(name: string, native: Native): Native {
  return (run, args, keywords) => {
    const at = ESCAPED[name];
    const given = args.map((arg, index) => (index === at ? escapeHtml(run, arg) : arg));
    return marked(native(run, given, keywords));
  };
}

function format(run: Run, args: readonly Value[], keywords: Keywords): Value {
  return new Markup(formatFields(run, textOf(args[0] as Markup), args.slice(1), keywords, true));
}

export const MARKUP_METHODS: ReadonlyMap<string, Native> = new Map<string, Native>([
  ...[...TEXT_METHODS].map(([name, native]): [string, Native] => [
    name,
    MARKED.has(name) ? marking(name, native) : native,
  ]),
  ["format", format],
  [
    "join",
    withSignature("join", "self, iterable, /", (run, self, items) => {
      const escaped = function* (): Generator<Value> {
        for (const item of iterate(run, items as Value)) yield escapeHtml(run, item);
      };
      return new Markup(joinTexts(run, textOf(self as Markup), escaped()));
    }),
  ],
  [
    "unescape",
    withSignature("unescape", "self, /", (run, self) => run.budget.text(unescapeHtml(textOf(self as Markup)))),
  ],
  [
    "striptags",
    withSignature("striptags", "self, /", (run, self) => run.budget.text(stripTags(textOf(self as Markup)))),
  ],
  ["escape", withSignature("escape", "self, s, /", (run, _, value) => escapeHtml(run, value as Value))],
]);
