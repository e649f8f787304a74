// A namespace: the one kind of value whose attributes templates may assign to, and so carry out of loops.

import { PythonError } from "../values/pythonError.js";
import { Dict, isText, type ObjectWriter, type Run, TemplateObject, textOf, type Value } from "../values/value.js";

export class Namespace extends TemplateObject {
  readonly typeName = "TemplateNamespace";
  override readonly moduleName = "transformers.utils.chat_template_utils";
  readonly #attributes = new Dict();

  /** @throws PythonError SecurityError for attributes that begin with an underscore. */
  constructor(attributes: Iterable<readonly [Value, Value]>, run: Run) {
    super();
    for (const [name, value] of attributes) {
      refusePrivate(name);
      this.#attributes.set(name, value, run);
    }
  }

  override attribute(name: string): Value | undefined {
    return this.#attributes.get(name);
  }

  assign(name: string, value: Value): void {
    refusePrivate(name);
    this.#attributes.set(name, value);
  }

  write(writer: ObjectWriter): void {
    writer.add("<Namespace ");
    writer.write(this.#attributes);
    writer.add(">");
  }
}

function refusePrivate(name: Value): void {
  if (!isText(name) || !textOf(name).startsWith("_")) return;
  throw new PythonError(
    "SecurityError",
    `Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${textOf(name)}'. Please rename the attribute.`,
  );
}
