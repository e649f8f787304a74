// Which variable a name means. jinja2 decides this before a template runs: each scope knows from its text which names it
// reads and which it assigns, and what these are when the scope is entered. This follows its rules, of which templates see
// much: an assignment in a loop is gone in the next round, and a macro sees what its template assigns after it.

import {
  type CallBlock,
  childrenOf,
  type For,
  type Generation,
  type If,
  type Macro,
  type Node,
  type Statement,
  type With,
} from "../syntax/nodes.js";
import type { Code, Slot } from "./code.js";

/** What a variable is when its scope is entered: a parameter, a variable of the template, another variable, or nothing. */
export type Load =
  | { readonly from: "parameter" }
  | { readonly from: "context"; readonly name: string }
  | { readonly from: "outer"; readonly slot: Slot }
  | { readonly from: "nothing" };

export class Symbols {
  readonly code: Code;
  readonly parent: Symbols | undefined;
  readonly level: number;
  readonly stores = new Set<string>();
  readonly #refs = new Map<string, Slot>();
  readonly loads = new Map<Slot, Load>();

  constructor(code: Code, parent?: Symbols) {
    this.code = code;
    this.parent = parent;
    this.level = parent === undefined ? 0 : parent.level + 1;
  }

  find(name: string): Slot | undefined {
    return this.#refs.get(name) ?? this.parent?.find(name);
  }

  /** The variable of a name that was seen when the scope was looked through. */
  ref(name: string): Slot {
    const slot = this.find(name);
    if (slot === undefined) throw new Error(`the name ${name} was not seen`);
    return slot;
  }

  /** The names that are assigned here and around here, with the variables that they mean. */
  visible(): [string, Slot][] {
    const found = new Map<string, Slot>();
    for (let scope: Symbols | undefined = this; scope !== undefined; scope = scope.parent) {
      for (const name of scope.stores) if (!found.has(name)) found.set(name, this.ref(name));
    }
    return [...found];
  }

  #define(name: string, load: Load): Slot {
    const slot = this.code.slot(this.level, name);
    this.#refs.set(name, slot);
    this.loads.set(slot, load);
    return slot;
  }

  declareParameter(name: string): Slot {
    this.stores.add(name);
    return this.#define(name, { from: "parameter" });
  }

  load(name: string): void {
    if (this.find(name) === undefined) this.#define(name, { from: "context", name });
  }

  store(name: string): void {
    this.stores.add(name);
    if (this.#refs.has(name)) return;
    const outer = this.parent?.find(name);
    this.#define(name, outer === undefined ? { from: "nothing" } : { from: "outer", slot: outer });
  }

  copy(): Symbols {
    const made = new Symbols(this.code, this.parent);
    made.#take(this);
    return made;
  }

  #take(other: Symbols): void {
    for (const [name, slot] of other.#refs) this.#refs.set(name, slot);
    for (const [slot, load] of other.loads) this.loads.set(slot, load);
    for (const name of other.stores) this.stores.add(name);
  }

  /** Takes over what the branches of a condition found: what only some assign is what it was before elsewhere. */
  #join(branches: readonly Symbols[]): void {
    const assigned = new Set(branches.flatMap((branch) => [...branch.stores]));
    for (const name of this.stores) assigned.delete(name);
    for (const branch of branches) this.#take(branch);
    for (const name of assigned) {
      const outer = this.parent?.find(name);
      this.loads.set(this.ref(name), outer === undefined ? { from: "context", name } : { from: "outer", slot: outer });
    }
  }

  /** Looks through nodes of this scope, but not into scopes below it. */
  see(...nodes: readonly (Node | undefined)[]): void {
    for (const node of nodes) if (node !== undefined) this.#visit(node);
  }

  #visit(node: Node): void {
    switch (node.kind) {
      case "name":
        if (node.use === "load") this.load(node.name);
        else if (node.use === "store") this.store(node.name);
        else this.declareParameter(node.name);
        break;
      case "namespaceRef":
        this.load(node.name);
        break;
      case "if":
        this.#visitIf(node);
        break;
      case "macro":
        this.store(node.name);
        break;
      case "assign":
        this.see(node.value, node.target);
        break;
      case "for":
        this.see(node.iterable);
        break;
      case "callBlock":
        this.see(node.call);
        break;
      case "filterBlock":
        this.see(node.filter);
        break;
      case "with":
        this.see(...node.values);
        break;
      case "assignBlock":
        this.see(node.target);
        break;
      case "block":
      case "generation":
        break;
      case "other":
        this.see(node.template);
        for (const name of node.names) this.store(name);
        break;
      default:
        this.see(...childrenOf(node));
    }
  }

  #visitIf(node: If): void {
    this.#visit(node.test);
    const branches = [node.body, node.alternatives, node.otherwise].map((nodes) => {
      const branch = this.copy();
      branch.see(...nodes);
      return branch;
    });
    this.#join(branches);
  }

  /** Looks through the body of a statement that has this scope. */
  seeMacro(node: Macro | CallBlock | Generation): void {
    if (node.kind !== "generation") this.see(...node.params, ...node.defaults);
    this.see(...node.body);
  }

  seeFor(node: For, branch: "body" | "otherwise" | "test"): void {
    if (branch !== "otherwise") this.seeParameters(node.target);
    this.see(...{ body: node.body, otherwise: node.otherwise, test: [node.test] }[branch]);
  }

  seeWith(node: With): void {
    this.see(...node.targets, ...node.body);
  }

  /** Names that are assigned before the scope's body runs. */
  seeParameters(target: Node): void {
    if (target.kind === "name") this.declareParameter(target.name);
    else if (target.kind === "tuple") for (const item of target.items) this.seeParameters(item);
    else this.see(target);
  }
}

/** Which of the names are read somewhere, without having been assigned before in the text. */
export function undeclared(body: readonly Statement[], ...names: readonly string[]): ReadonlySet<string> {
  const wanted = new Set(names);
  const found = new Set<string>();
  const visit = (node: Node): void => {
    if (node.kind === "block") return;
    if (node.kind === "name") {
      if (node.use === "load" && wanted.has(node.name)) found.add(node.name);
      else wanted.delete(node.name);
      return;
    }
    for (const child of childrenOf(node)) visit(child);
  };
  for (const node of body) visit(node);
  return found;
}
