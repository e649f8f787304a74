// A macro, or the body of a call block, as a value that can be called.

import { type PythonError, typeError } from "../values/pythonError.js";
import { quoted } from "../values/textValue.js";
import { Undefined } from "../values/undefined.js";
import {
  Dict,
  type Keywords,
  type ObjectWriter,
  type Run,
  TemplateObject,
  Tuple,
  type Value,
} from "../values/value.js";

export interface Signature {
  /** Undefined for the body of a call block. */
  readonly name: string | undefined;
  readonly parameters: readonly string[];
  readonly takesCaller: boolean;
  readonly takesKeywords: boolean;
  readonly takesMore: boolean;
}

/** Runs a macro; undefined stands for arguments that were not given. */
export type MacroBody = (args: readonly (Value | undefined)[]) => string;

export class Macro extends TemplateObject {
  readonly typeName = "Macro";
  readonly #signature: Signature;
  readonly #body: MacroBody;

  constructor(signature: Signature, body: MacroBody) {
    super();
    this.#signature = signature;
    this.#body = body;
  }

  override attribute(name: string): Value | undefined {
    const { name: own, parameters, takesCaller, takesKeywords, takesMore } = this.#signature;
    switch (name) {
      case "name":
        return own ?? null;
      case "arguments":
        return new Tuple(parameters);
      case "caller":
        return takesCaller;
      case "catch_kwargs":
        return takesKeywords;
      case "catch_varargs":
        return takesMore;
      case "explicit_caller":
        return parameters.includes("caller");
      default:
        return undefined;
    }
  }

  write(writer: ObjectWriter): void {
    const { name } = this.#signature;
    writer.add(`<Macro ${name === undefined ? "anonymous" : quoted(name)}>`);
  }

  override get callable(): boolean {
    return true;
  }

  override call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    const bound = this.#bind(args, new Map(keywords), run);
    run.budget.enter();
    const text = this.#body(bound);
    run.budget.leave();
    return text;
  }

  #bind(args: readonly Value[], rest: Map<string, Value>, run: Run): (Value | undefined)[] {
    const { name, parameters, takesCaller, takesKeywords, takesMore } = this.#signature;
    const bound: (Value | undefined)[] = args.slice(0, parameters.length);
    let foundCaller = bound.length === parameters.length && parameters.includes("caller");
    for (const parameter of parameters.slice(bound.length)) {
      bound.push(rest.get(parameter));
      rest.delete(parameter);
      foundCaller ||= parameter === "caller";
    }
    if (takesCaller && !foundCaller) {
      bound.push(rest.get("caller") ?? new Undefined({ hint: "No caller defined" }));
      rest.delete("caller");
    }
    if (takesKeywords) bound.push(new Dict(rest, run));
    else if (rest.size > 0) throw this.#surplus(rest);
    if (takesMore) bound.push(new Tuple(args.slice(parameters.length)));
    else if (args.length > parameters.length) {
      throw typeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
    }
    return bound;
  }

  #surplus(rest: ReadonlyMap<string, Value>): PythonError {
    const { name } = this.#signature;
    if (rest.has("caller")) {
      return typeError(
        `macro '${name}' was invoked with two values for the special caller argument. This is most likely a bug.`,
      );
    }
    return typeError(`macro '${name}' takes no keyword argument '${[...rest.keys()][0]}'`);
  }
}
