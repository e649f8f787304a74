// What every chat template can call, as transformers gives it to them.

import { Namespace } from "./compile/namespace.js";
import { textArgument } from "./methods/arguments.js";
import { fromKeys } from "./methods/listMethods.js";
import { strftime } from "./text/strftime.js";
import { plainInteger } from "./values/arithmetic.js";
import { withSignature } from "./values/bindArguments.js";
import { Callable } from "./values/callable.js";
import { isIterable, iterate, sizeOf } from "./values/iterate.js";
import { PythonError, typeError, valueError } from "./values/pythonError.js";
import { toText } from "./values/textValue.js";
import { typeName } from "./values/typeName.js";
import { Undefined } from "./values/undefined.js";
import { unpack } from "./values/unpack.js";
import {
  Dict,
  isInteger,
  type Keywords,
  type Native,
  type ObjectWriter,
  Range,
  type Run,
  TemplateObject,
  Tuple,
  type Value,
} from "./values/value.js";

/** The sandbox's limit of ranges. */
const MAX_RANGE = 100_000;

function range(_: Run, args: readonly Value[], keywords: Keywords): Value {
  if (keywords.size > 0) throw typeError("range() takes no keyword arguments");
  if (args.length === 0 || args.length > 3) throw typeError(`range expected 1 to 3 arguments, got ${args.length}`);
  const bounds = args.map((arg) => {
    if (!isInteger(arg)) throw typeError(`'${typeName(arg)}' object cannot be interpreted as an integer`);
    return plainInteger(arg);
  });
  const [start, stop, step] = (bounds.length === 1 ? [0, bounds[0], 1] : [...bounds, 1]) as [number, number, number];
  if (Number(step) === 0) throw valueError("range() arg 3 must not be zero");
  const made = new Range(Number(start), Number(stop), Number(step));
  if (made.length > MAX_RANGE) {
    throw new PythonError(
      "OverflowError",
      `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${MAX_RANGE}).`,
    );
  }
  return made;
}

/** The entries of a `dict(...)`: those of its argument, and its keywords. */
function entriesOf(run: Run, args: readonly Value[], keywords: Keywords): Dict {
  const made = new Dict();
  if (args.length > 1) throw typeError(`dict expected at most 1 argument, got ${args.length}`);
  const [source] = args;
  if (source instanceof Undefined) {
    throw source.failure();
  }
  if (source instanceof Dict) {
    for (const [key, value] of source.entries()) made.set(key, value, run);
  } else if (source !== undefined) {
    let index = 0;
    for (const pair of iterate(run, source)) {
      made.set(...pairOf(run, pair, index), run);
      index += 1;
    }
  }
  for (const [key, value] of keywords) made.set(key, value);
  run.budget.spend(made.size);
  return made;
}

function pairOf(run: Run, pair: Value, index: number): [Value, Value] {
  if (!isIterable(run, pair))
    throw typeError(`cannot convert dictionary update sequence element #${index} to a sequence`);
  const size = sizeOf(run, pair);
  if (size !== undefined && size !== 2) {
    throw valueError(`dictionary update sequence element #${index} has length ${size}; 2 is required`);
  }
  return unpack(run, pair, 2) as [Value, Value];
}

/** `dict`: makes dicts, and has no more than `fromkeys`. */
class DictMaker extends TemplateObject {
  readonly typeName = "TemplateDict";
  override readonly moduleName = "transformers.utils.chat_template_utils";

  override attribute(name: string): Value | undefined {
    if (name !== "fromkeys") return undefined;
    const make = withSignature("fromkeys", "iterable, value?, /", (run, keys, value) =>
      fromKeys(run, keys as Value, value ?? null),
    );
    return new Callable("fromkeys", make, "method");
  }

  override get callable(): boolean {
    return true;
  }

  override call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return entriesOf(run, args, keywords);
  }

  write(writer: ObjectWriter): void {
    writer.add("<TemplateDict object>");
  }
}

/** `cycler(...)`: one of its items after the other. */
class Cycler extends TemplateObject {
  readonly typeName = "Cycler";
  override readonly moduleName = "jinja2.utils";
  readonly #items: readonly Value[];
  #at = 0;

  constructor(items: readonly Value[]) {
    super();
    if (items.length === 0) throw new PythonError("RuntimeError", "at least one item has to be provided");
    this.#items = items;
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case "items":
        return new Tuple(this.#items);
      case "pos":
        return this.#at;
      case "current":
        return this.#items[this.#at];
      case "next":
        return new Callable(
          "next",
          withSignature("next", "", () => this.#next()),
          "method",
        );
      case "reset":
        return new Callable(
          "reset",
          withSignature("reset", "", () => this.#reset()),
          "method",
        );
      default:
        return undefined;
    }
  }

  #next(): Value {
    const item = this.#items[this.#at] as Value;
    this.#at = (this.#at + 1) % this.#items.length;
    return item;
  }

  #reset(): Value {
    this.#at = 0;
    return null;
  }

  write(writer: ObjectWriter): void {
    writer.add("<Cycler object>");
  }
}

/** `joiner(...)`: nothing the first time, and then what goes between. */
class Joiner extends TemplateObject {
  readonly typeName = "Joiner";
  override readonly moduleName = "jinja2.utils";
  readonly #separator: Value;
  #used = false;

  constructor(separator: Value) {
    super();
    this.#separator = separator;
  }

  override attribute(name: string): Value | undefined {
    if (name === "sep") return this.#separator;
    return name === "used" ? this.#used : undefined;
  }

  override get callable(): boolean {
    return true;
  }

  override call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return this.#give(run, args, keywords);
  }

  readonly #give = withSignature("__call__", "", () => {
    const used = this.#used;
    this.#used = true;
    return used ? this.#separator : "";
  });

  write(writer: ObjectWriter): void {
    writer.add("<Joiner object>");
  }
}

function called(name: string, native: Native): [string, Value] {
  return [name, new Callable(name, native, "function")];
}

/**
 * @param date The day that `strftime_now` writes.
 * @returns The functions that templates know, by their names.
 */
export function globals(date: Date): Map<string, Value> {
  return new Map<string, Value>([
    called("range", range),
    ["dict", new DictMaker()],
    called("namespace", (run, args, keywords) => new Namespace(entriesOf(run, args, keywords).entries(), run)),
    called("cycler", (_, args, keywords) => {
      if (keywords.size > 0) throw typeError("Cycler.__init__() got an unexpected keyword argument");
      return new Cycler(args);
    }),
    called(
      "joiner",
      withSignature("joiner", "sep?", (_, separator = ", ") => new Joiner(separator)),
    ),
    called("lipsum", () => {
      throw new PythonError("NotImplementedError", "lipsum() is not known here: prompts do not depend on chance");
    }),
    called(
      "raise_exception",
      withSignature("raise_exception", "message", (run, message) => {
        throw new PythonError("TemplateError", toText(run, message as Value));
      }),
    ),
    called(
      "strftime_now",
      withSignature("strftime_now", "format", (run, format) => run.budget.text(strftime(textArgument(format), date))),
    ),
  ]);
}
