// A function of a template while it is compiled: the template itself, a macro, a recursive loop, the condition of a loop.
// Its variables have places of their own, and it sees those of the functions around it.

import type { Scope } from "./scope.js";

/** The place of a variable. */
export interface Slot {
  readonly code: Code;
  readonly index: number;
}

export class Code {
  readonly parent: Code | undefined;
  readonly #slots = new Map<string, Slot>();

  constructor(parent?: Code) {
    this.parent = parent;
  }

  /** The place of a name at a level of nested scopes. */
  slot(level: number, name: string): Slot {
    const key = `${level} ${name}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    const made: Slot = { code: this, index: this.#slots.size };
    this.#slots.set(key, made);
    return made;
  }

  /** How to come from a running function's variables to the one that holds a place. */
  finder(slot: Slot): (scope: Scope) => Scope {
    let hops = 0;
    let code: Code | undefined = this;
    while (code !== undefined && code !== slot.code) {
      code = code.parent;
      hops += 1;
    }
    if (hops === 0) return (scope) => scope;
    if (hops === 1) return (scope) => scope.parent as Scope;
    return (scope) => {
      let found = scope;
      for (let hop = 0; hop < hops; hop += 1) found = found.parent as Scope;
      return found;
    };
  }
}
