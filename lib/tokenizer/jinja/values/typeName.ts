// The names that Python has for types, as its messages say them.

import { Undefined } from "./undefined.js";
import {
  Dict,
  DictView,
  Float,
  type Iteration,
  List,
  Markup,
  Range,
  TemplateObject,
  Tuple,
  type Value,
} from "./value.js";

export function typeName(value: Value): string {
  switch (typeof value) {
    case "string":
      return "str";
    case "number":
    case "bigint":
      return "int";
    case "boolean":
      return "bool";
    default:
  }
  if (value === null) return "NoneType";
  if (value instanceof Float) return "float";
  if (value instanceof Markup) return "Markup";
  if (value instanceof List) return "list";
  if (value instanceof Tuple) return value.names.length > 0 ? "_GroupTuple" : "tuple";
  if (value instanceof Dict) return "dict";
  if (value instanceof DictView) return `dict_${value.part}`;
  if (value instanceof Range) return "range";
  if (value instanceof Undefined) return "Undefined";
  return (value as Iteration | TemplateObject).typeName;
}

/** As jinja2 names the owner of an attribute that is not there. */
export function ownerName(value: Value): string {
  if (value === null) return "None";
  const name = typeName(value);
  if (value instanceof Markup) return "markupsafe.Markup object";
  if (value instanceof Undefined) return `jinja2.runtime.${name} object`;
  if (value instanceof TemplateObject && value.moduleName !== "builtins") return `${value.moduleName}.${name} object`;
  return `${name} object`;
}
