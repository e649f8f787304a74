// How filters find the attribute that their argument names: "a.b.0" goes down three levels.

import { itemOf } from "../values/access.js";
import { Undefined } from "../values/undefined.js";
import { isText, List, type Run, textOf, type Value } from "../values/value.js";

type Getter = (item: Value) => Value;

/** Texts in lower case, for filters that ignore case. */
export function ignoringCase(value: Value): Value {
  return isText(value) ? textOf(value).toLowerCase() : value;
}

function partsOf(attribute: Value): Value[] {
  if (attribute === null) return [];
  if (!isText(attribute)) return [attribute];
  return textOf(attribute)
    .split(".")
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/**
 * @param attribute What to get; null for the item itself.
 * @param otherwise What stands for what is not there; null for nothing.
 */
export function attributeGetter(run: Run, attribute: Value, lower = false, otherwise: Value = null): Getter {
  const parts = partsOf(attribute);
  run.budget.spend(parts.length);
  return (item) => {
    let value = item;
    for (const part of parts) {
      run.budget.spend(1);
      value = itemOf(run, value, part);
      if (otherwise !== null && value instanceof Undefined) value = otherwise;
    }
    return lower ? ignoringCase(value) : value;
  };
}

/** The same for several attributes, with commas between them. */
export function attributesGetter(run: Run, attribute: Value, lower: boolean): Getter {
  const attributes = isText(attribute) ? textOf(attribute).split(",") : [attribute];
  const getters = attributes.map((one) => attributeGetter(run, one, lower));
  return (item) => new List(getters.map((get) => get(item)));
}
