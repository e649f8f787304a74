// Methods that look for a text in another, with places counted by code points.

import { lengthOf, pointIndex, sliceOf, spendOnPoints } from "../text/codePoints.js";
import { typeError, valueError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import { isText, type Run, Tuple, textOf, type Value } from "../values/value.js";
import { placeArgument, textArgument } from "./arguments.js";

/** A method of texts, with the text before its arguments. */
export type TextMethod = (run: Run, text: string, ...args: (Value | undefined)[]) => Value;

/** The place of a text by code points; -1 where it is not there. */
function place(
  text: string,
  sub: Value | undefined,
  start: Value | undefined,
  end: Value | undefined,
  back: boolean,
): number {
  const wanted = textArgument(sub);
  const length = lengthOf(text);
  const from = placeArgument(start, length, 0);
  const to = Math.min(placeArgument(end, length, length), length);
  if (from > to) return -1;
  const part = sliceOf(text, from, to);
  const found = back ? part.lastIndexOf(wanted) : part.indexOf(wanted);
  return found < 0 ? -1 : from + pointIndex(part, found);
}

export function finding(back: boolean, fails: boolean): TextMethod {
  return (_, text, sub, start, end) => {
    const found = place(text, sub, start, end, back);
    if (found < 0 && fails) throw valueError("substring not found");
    return found;
  };
}

/** A part of a text; undefined where it begins behind its end. */
function within(run: Run, text: string, start: Value, end: Value | undefined): string | undefined {
  spendOnPoints(run, text);
  const length = lengthOf(text);
  const from = placeArgument(start, length, 0);
  const to = Math.min(placeArgument(end, length, length), length);
  return from <= to ? sliceOf(text, from, to) : undefined;
}

export function meeting(name: string, meets: (part: string, wanted: string) => boolean): TextMethod {
  return (run, text, wanted, start, end) => {
    const options = wanted instanceof Tuple ? wanted.items : [wanted];
    const part = start === undefined ? text : within(run, text, start, end);
    for (const option of options) {
      if (!isText(option)) {
        throw typeError(`${name} first arg must be str or a tuple of str, not ${typeName(option ?? null)}`);
      }
      if (part !== undefined && meets(part, textOf(option))) return true;
    }
    return false;
  };
}

/** How often a text is in another, without overlaps. */
export function countText(
  run: Run,
  text: string,
  sub: Value | undefined,
  start: Value | undefined,
  end: Value | undefined,
): Value {
  const wanted = textArgument(sub);
  const part = start === undefined ? text : within(run, text, start, end);
  if (part === undefined) return 0;
  return wanted === "" ? lengthOf(part) + 1 : part.split(wanted).length - 1;
}
