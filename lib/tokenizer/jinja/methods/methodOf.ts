// A value's own methods and attributes, by name.

import { Callable } from "../values/callable.js";
import {
  Dict,
  DictView,
  Float,
  isInteger,
  List,
  Markup,
  type Native,
  Range,
  Tuple,
  type Value,
} from "../values/value.js";
import { DICT_METHODS, LIST_METHODS, RANGE_METHODS, TUPLE_METHODS } from "./listMethods.js";
import { MARKUP_METHODS } from "./markupMethods.js";
import { FLOAT_METHODS, INTEGER_METHODS, numberAttribute } from "./numberMethods.js";
import { TEXT_METHODS } from "./textMethods.js";

const NONE: ReadonlyMap<string, Native> = new Map();

function methodsOf(value: Value): ReadonlyMap<string, Native> {
  if (typeof value === "string") return TEXT_METHODS;
  if (value instanceof Dict) return DICT_METHODS;
  if (value instanceof List) return LIST_METHODS;
  if (value instanceof Tuple) return TUPLE_METHODS;
  if (value instanceof Markup) return MARKUP_METHODS;
  if (value instanceof Float) return FLOAT_METHODS;
  if (value instanceof Range) return RANGE_METHODS;
  return isInteger(value) ? INTEGER_METHODS : NONE;
}

/** A bound method, or a plain attribute; undefined where the type has none of that name. */
export function methodOf(value: Value, name: string): Value | undefined {
  const native = methodsOf(value).get(name);
  if (native !== undefined) return new Callable(name, (run, args, keywords) => native(run, [value, ...args], keywords));
  if (value instanceof Tuple && value.names.includes(name)) return value.items[value.names.indexOf(name)];
  if (value instanceof Range && (name === "start" || name === "stop" || name === "step")) return value[name];
  if (value instanceof DictView && name === "mapping") return value.dict;
  return isInteger(value) || value instanceof Float ? numberAttribute(value, name) : undefined;
}
