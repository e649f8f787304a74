// Assignments: to a name, an attribute of a namespace, or a tuple of these.

import type { Target } from "../syntax/nodes.js";
import { typeError } from "../values/pythonError.js";
import { unpack } from "../values/unpack.js";
import type { Value } from "../values/value.js";
import type { Store } from "./compilers.js";
import type { Frame } from "./frame.js";
import { Namespace } from "./namespace.js";

export function compileStore(target: Target, frame: Frame): Store {
  if (target.kind === "tuple") {
    const parts = target.items.map((item) => compileStore(item, frame));
    return (scope, value) => {
      const values = unpack(scope.run, value, parts.length);
      for (const [index, store] of parts.entries()) store(scope, values[index] as Value);
    };
  }
  if (target.kind === "namespaceRef") {
    const slot = frame.symbols.ref(target.name);
    const find = frame.code.finder(slot);
    const { attribute } = target;
    return (scope, value) => {
      const namespace = find(scope).values[slot.index];
      if (!(namespace instanceof Namespace)) throw typeError("object does not support item assignment");
      namespace.assign(attribute, value);
    };
  }
  if (target.kind !== "name") throw new Error(`cannot assign to ${target.kind}`);
  const { name } = target;
  const { index } = frame.symbols.ref(name);
  if (!frame.atTop) {
    return (scope, value) => {
      scope.values[index] = value;
    };
  }
  return (scope, value) => {
    scope.values[index] = value;
    scope.context.assigned.set(name, value);
  };
}
