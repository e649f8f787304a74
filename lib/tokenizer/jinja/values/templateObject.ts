// Objects that templates can hold but not look into as data: functions, macros, namespaces, the `loop` of a loop.

import type { Keywords, Run, Value } from "./value.js";

export interface ObjectWriter {
  add(text: string): void;
  write(value: Value): void;
}

export abstract class TemplateObject {
  /** The name of Python's type. */
  abstract readonly typeName: string;
  /** The module of Python that has the type. */
  readonly moduleName: string = "jinja2.runtime";

  /** An attribute; undefined where there is none. */
  attribute(_name: string, _run: Run): Value | undefined {
    return undefined;
  }

  /** An entry in brackets, where attributes are not entries too. */
  entry(_key: Value, _run: Run): Value | undefined {
    return undefined;
  }

  /** Writes what `repr` gives, in parts: texts, and values that it holds. */
  abstract write(writer: ObjectWriter): void;

  /** Whether it can be called. */
  get callable(): boolean {
    return false;
  }

  call(_run: Run, _args: readonly Value[], _keywords: Keywords): Value {
    throw new Error(`${this.typeName} cannot be called`);
  }
}
