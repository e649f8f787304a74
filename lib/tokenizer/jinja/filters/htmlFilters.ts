// Filters for addresses and HTML, and those that look at any value.

import { integerArgument, optionalText, textArgument } from "../methods/arguments.js";
import { escapeHtml } from "../text/escapeHtml.js";
import { linkUrls } from "../text/linkUrls.js";
import { stripTags } from "../text/stripTags.js";
import { attributeOf, ownAttribute } from "../values/access.js";
import { withSignature } from "../values/bindArguments.js";
import { isIterable, isTrue, itemsOf, iterate } from "../values/iterate.js";
import { PythonError, typeError, valueError } from "../values/pythonError.js";
import { repr, toText } from "../values/textValue.js";
import { ownerName, typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import { unpack } from "../values/unpack.js";
import { Dict, isText, type Native, type Run, textOf, type Value } from "../values/value.js";

/** As `urllib.parse.quote` writes a text. */
function quoteUrl(run: Run, value: Value, query: boolean): string {
  const quoted = encodeURIComponent(toText(run, value).replace(/\p{Surrogate}/gu, "\ufffd")).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return query ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

function urlEncode(run: Run, value: Value): Value {
  if (isText(value) || !isIterable(run, value)) return run.budget.text(quoteUrl(run, value, false));
  const parts: string[] = [];
  const pairs = value instanceof Dict ? value.entries() : iterate(run, value);
  for (const pair of pairs) {
    const [key, item] = Array.isArray(pair) ? pair : unpack(run, pair as Value, 2);
    parts.push(`${quoteUrl(run, key as Value, true)}=${quoteUrl(run, item as Value, true)}`);
  }
  return run.budget.text(parts.join("&"));
}

function xmlAttributes(run: Run, value: Value, space: Value): Value {
  if (value instanceof Undefined) throw value.failure();
  if (!(value instanceof Dict))
    throw new PythonError("AttributeError", `'${typeName(value)}' object has no attribute 'items'`);
  const parts: string[] = [];
  for (const [key, item] of value.entries()) {
    if (item === null || item instanceof Undefined) continue;
    if (!isText(key)) throw typeError("expected string or bytes-like object");
    if (/[ \t\n\r\f\v/>=]/.test(textOf(key)))
      throw valueError(`Invalid character in attribute name: ${repr(run, key)}`);
    parts.push(`${escapeHtml(run, key).text}="${escapeHtml(run, item).text}"`);
  }
  const made = parts.join(" ");
  return run.budget.text(isTrue(run, space) && made !== "" ? ` ${made}` : made);
}

const SCHEME = /^[\p{L}\p{N}_.+-]{2,}:\/{0,2}$/u;

function urlize(
  run: Run,
  value: Value,
  limit: Value,
  nofollow: Value,
  target: Value,
  rel: Value,
  schemes: Value,
): Value {
  const words = new Set((optionalText(rel) ?? "").split(/\s+/).filter((word) => word !== ""));
  if (isTrue(run, nofollow)) words.add("nofollow");
  words.add("noopener");
  const extra = schemes === null ? [] : itemsOf(run, schemes).map(textArgument);
  const wrong = extra.find((scheme) => !SCHEME.test(scheme));
  if (wrong !== undefined)
    throw new PythonError("FilterArgumentError", `${repr(run, wrong)} is not a valid URI scheme prefix.`);
  return linkUrls(run, toText(run, value), {
    limit: limit === null ? undefined : integerArgument(limit, 0),
    rel: [...words].sort().join(" "),
    target: optionalText(target),
    schemes: extra,
  });
}

function otherwise(run: Run, value: Value, instead: Value, alsoFalse: Value): Value {
  if (value instanceof Undefined || (isTrue(run, alsoFalse) && !isTrue(run, value))) return instead;
  return value;
}

const orDefault = withSignature(
  "do_default",
  "value, default_value?, boolean?",
  (run, value, instead = "", alsoFalse = false) => otherwise(run, value as Value, instead, alsoFalse),
);

export const HTML_FILTERS: ReadonlyMap<string, Native> = new Map<string, Native>([
  ["urlencode", withSignature("do_urlencode", "value", (run, value) => urlEncode(run, value as Value))],
  [
    "xmlattr",
    withSignature("do_xmlattr", "d, autospace?", (run, value, space = true) =>
      xmlAttributes(run, value as Value, space),
    ),
  ],
  [
    "striptags",
    withSignature("do_striptags", "value", (run, value) => run.budget.text(stripTags(toText(run, value as Value)))),
  ],
  [
    "urlize",
    withSignature(
      "do_urlize",
      "value, trim_url_limit?, nofollow?, target?, rel?, extra_schemes?",
      (run, value, limit = null, nofollow = false, target = null, rel = null, schemes = null) =>
        urlize(run, value as Value, limit, nofollow, target, rel, schemes),
    ),
  ],
  ["default", orDefault],
  ["d", orDefault],
  [
    "attr",
    withSignature("do_attr", "obj, name", (run, value, name) => {
      const wanted = textArgument(name);
      const found = ownAttribute(run, value as Value, wanted);
      if (found !== undefined) return attributeOf(run, value as Value, wanted);
      return new Undefined({ owner: ownerName(value as Value), name: wanted, nameText: () => repr(run, wanted) });
    }),
  ],
]);
