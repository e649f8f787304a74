// Plain JavaScript data as values of templates.

import { Undefined } from "./values/undefined.js";
import {
  Dict,
  DictView,
  Float,
  Iteration,
  integer,
  List,
  Markup,
  Range,
  type Run,
  TemplateObject,
  Tuple,
  type Value,
} from "./values/value.js";

/**
 * @param data What JSON can say; values of templates stay what they are. Numbers without a fraction are integers.
 * @throws RetemperError for data that holds itself.
 */
export function fromPlain(run: Run, data: unknown): Value {
  const known = new Map<object, Value>();
  const convert = (one: unknown): Value => {
    run.budget.spend(1);
    if (one === undefined || one === null) return null;
    if (typeof one === "string" || typeof one === "boolean") return one;
    if (typeof one === "bigint") return integer(one);
    if (typeof one === "number") return Number.isSafeInteger(one) ? one + 0 : new Float(one);
    if (typeof one !== "object") throw new TypeError(`a template cannot be given a ${typeof one}`);
    if (isValue(one)) return one;
    const seen = known.get(one);
    if (seen !== undefined) return seen;
    run.budget.enter();
    const made = Array.isArray(one)
      ? new List(one.map(convert))
      : new Dict(
          Object.entries(one).flatMap(([key, value]) => (value === undefined ? [] : [[key, convert(value)] as const])),
        );
    run.budget.leave();
    known.set(one, made);
    return made;
  };
  return convert(data);
}

const CLASSES = [TemplateObject, Undefined, DictView, Float, Iteration, List, Markup, Range, Tuple, Dict];

function isValue(data: object): data is Exclude<Value, null | boolean | number | bigint | string> {
  return CLASSES.some((known) => data instanceof known);
}
