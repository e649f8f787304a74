// `value.name`, `value[key]` and slices, with the sandbox's rules: what begins with an underscore, and what would change a
// list or a dict, is undefined and says so when it is used.

import { isPlain, spendOnPoints } from "../text/codePoints.js";
import { isKind, typeError, valueError } from "./pythonError.js";
import { repr } from "./textValue.js";
import { ownerName, typeName } from "./typeName.js";
import { Undefined } from "./undefined.js";
import {
  Dict,
  isInteger,
  isText,
  List,
  Markup,
  Range,
  type Run,
  TemplateObject,
  Tuple,
  textOf,
  type Value,
} from "./value.js";

/** Attributes that every object of Python has. */
const EVERYWHERE: ReadonlySet<string> = new Set(
  (
    "__class__ __delattr__ __dir__ __doc__ __eq__ __format__ __ge__ __getattribute__ __getstate__ __gt__ __hash__ __init__ " +
    "__init_subclass__ __le__ __lt__ __ne__ __new__ __reduce__ __reduce_ex__ __repr__ __setattr__ __sizeof__ __str__ __subclasshook__"
  ).split(" "),
);
const CHANGING: Readonly<Record<"list" | "dict", ReadonlySet<string>>> = {
  list: new Set("append clear pop reverse insert sort extend remove".split(" ")),
  dict: new Set("clear pop popitem setdefault update".split(" ")),
};

/** `value.name`: an attribute, or else an entry. */
export function attributeOf(run: Run, value: Value, name: string): Value {
  const found = ownAttribute(run, value, name);
  if (found !== undefined) return found;
  const entry = entryOf(run, value, name);
  return entry === undefined ? missing(run, value, name) : entry;
}

/** `value[key]`: an entry, or else an attribute. */
export function itemOf(run: Run, value: Value, key: Value): Value {
  const entry = entryOf(run, value, key);
  if (entry !== undefined) return entry;
  const found = isText(key) ? ownAttribute(run, value, textOf(key)) : undefined;
  return found === undefined ? missing(run, value, key) : found;
}

/** What `getattr` finds, or an undefined value whose error says that it is not safe. */
export function ownAttribute(run: Run, value: Value, name: string): Value | undefined {
  if (value instanceof Undefined && !EVERYWHERE.has(name)) {
    if (name.startsWith("__") && name.endsWith("__")) return undefined;
    throw value.failure();
  }
  if (CHANGING.list.has(name) && value instanceof List) return unsafe(value, name);
  if (CHANGING.dict.has(name) && value instanceof Dict) return unsafe(value, name);
  if (value instanceof TemplateObject) {
    const found = value.attribute(name, run);
    if (found !== undefined) return name.startsWith("_") ? unsafe(value, name) : found;
  }
  if (EVERYWHERE.has(name) && !(value instanceof TemplateObject && value.typeName === "TemplateNamespace")) {
    return unsafe(value, name);
  }
  return name.startsWith("_") ? undefined : run.methodOf(value, name);
}

function unsafe(value: Value, name: string): Undefined {
  const hint = `access to attribute '${name}' of '${typeName(value)}' object is unsafe.`;
  return new Undefined({ hint, kind: "SecurityError" });
}

function missing(run: Run, value: Value, name: Value): Undefined {
  return new Undefined({ owner: ownerName(value), name, nameText: () => repr(run, name) });
}

/** What brackets find; undefined where Python raises a TypeError, IndexError or KeyError, which jinja2 takes for that. */
function entryOf(run: Run, value: Value, key: Value): Value | undefined {
  if (value instanceof Dict) {
    try {
      return value.get(key, run);
    } catch (error) {
      if (isKind(error, "TypeError")) return undefined;
      throw error;
    }
  }
  if (value instanceof Undefined) throw value.failure();
  if (value instanceof TemplateObject) return value.entry(key, run);
  if (!isInteger(key)) return undefined;
  const index = Number(key);
  if (isText(value)) {
    const point = pointAt(run, textOf(value), index);
    return point === undefined || typeof value === "string" ? point : new Markup(point);
  }
  if (value instanceof List || value instanceof Tuple) {
    return value.items[index < 0 ? index + value.items.length : index];
  }
  if (value instanceof Range) {
    const place = index < 0 ? index + value.length : index;
    return place >= 0 && place < value.length ? value.at(place) : undefined;
  }
  return undefined;
}

/** One code point of a text; only what is before or behind it is looked at. */
function pointAt(run: Run, text: string, index: number): string | undefined {
  const units = Math.min(text.length, 2 * (index < 0 ? -index : index + 1));
  const part = index < 0 ? text.slice(text.length - units) : text.slice(0, units);
  spendOnPoints(run, part);
  if (isPlain(part)) return part.at(index);
  return Array.from(index < 0 ? wholePoints(part) : part).at(index);
}

/** Without the second half of a pair at the start. */
function wholePoints(part: string): string {
  return /^[\udc00-\udfff]/.test(part) ? part.slice(1) : part;
}

/** `value[start:stop:step]`. */
export function sliceValue(run: Run, value: Value, start: Value, stop: Value, step: Value): Value {
  if (value instanceof Undefined) throw value.failure();
  if (value instanceof Dict) throw typeError("unhashable type: 'slice'");
  const sliceable = isText(value) || value instanceof List || value instanceof Tuple || value instanceof Range;
  if (!sliceable) throw typeError(`'${typeName(value)}' object is not subscriptable`);
  const [from, to, by] = [start, stop, step].map(bound) as [number?, number?, number?];
  if (isText(value)) {
    const text = textOf(value);
    spendOnPoints(run, text);
    const plain = isPlain(text);
    const points = plain ? text : Array.from(text);
    const places = placesOf(points.length, from, to, by);
    const made =
      plain && places.step === 1
        ? text.slice(places.start, places.start + places.count)
        : Array.from({ length: places.count }, (_, index) => points[places.start + index * places.step]).join("");
    return typeof value === "string" ? made : new Markup(made);
  }
  if (value instanceof Range) {
    const { start: first, stop: end, step: stride } = placesOf(value.length, from, to, by);
    return new Range(value.at(first), value.at(end), stride * value.step);
  }
  const { start: first, step: stride, count } = placesOf(value.items.length, from, to, by);
  run.budget.spend(count);
  const items = Array.from({ length: count }, (_, index) => value.items[first + index * stride] as Value);
  return value instanceof List ? new List(items) : new Tuple(items);
}

function bound(value: Value): number | undefined {
  if (value === null) return undefined;
  if (!isInteger(value)) {
    throw typeError("slice indices must be integers or None or have an __index__ method");
  }
  return Number(value);
}

interface Places {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly count: number;
}

/** The places that a slice takes, as Python cuts bounds off. */
function placesOf(length: number, start?: number, stop?: number, step = 1): Places {
  if (step === 0) throw valueError("slice step cannot be zero");
  const [lowest, highest] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (at: number | undefined, otherwise: number): number =>
    at === undefined ? otherwise : Math.min(Math.max(at < 0 ? at + length : at, lowest), highest);
  const from = place(start, step > 0 ? lowest : highest);
  const to = place(stop, step > 0 ? highest : lowest);
  return { start: from, stop: to, step, count: Math.max(0, Math.ceil((to - from) / step)) };
}
