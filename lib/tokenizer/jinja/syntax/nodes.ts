// The tree of a template. A node's members stand in the order in which jinja2 visits them, on which its scopes depend.

import type { Operator } from "../values/arithmetic.js";
import type { Value } from "../values/value.js";

interface At {
  readonly line: number;
}

export interface Name extends At {
  readonly kind: "name";
  readonly name: string;
  /** Whether it is read, assigned to, or a parameter. */
  use: "load" | "store" | "param";
}
export interface NamespaceRef extends At {
  readonly kind: "namespaceRef";
  readonly name: string;
  readonly attribute: string;
}
export interface Const extends At {
  readonly kind: "const";
  readonly value: Value;
}
export interface Sequence extends At {
  readonly kind: "tuple" | "list";
  readonly items: readonly Expression[];
}
export interface Pair extends At {
  readonly kind: "pair";
  readonly key: Expression;
  readonly value: Expression;
}
export interface DictNode extends At {
  readonly kind: "dict";
  readonly items: readonly Pair[];
}
export interface Conditional extends At {
  readonly kind: "conditional";
  readonly test: Expression;
  readonly value: Expression;
  readonly otherwise: Expression | undefined;
}
export interface Keyword extends At {
  readonly kind: "keyword";
  readonly key: string;
  readonly value: Expression;
}
export interface Arguments {
  readonly args: readonly Expression[];
  readonly keywords: readonly Keyword[];
  readonly moreArgs: Expression | undefined;
  readonly moreKeywords: Expression | undefined;
}
export interface Call extends At, Arguments {
  readonly kind: "call";
  readonly node: Expression;
}
export interface Filter extends At, Arguments {
  readonly kind: "filter" | "test";
  /** Undefined for a filter of a block. */
  readonly node: Expression | undefined;
  readonly name: string;
}
export interface Attribute extends At {
  readonly kind: "attribute";
  readonly node: Expression;
  readonly attribute: string;
}
export interface Item extends At {
  readonly kind: "item";
  readonly node: Expression;
  readonly key: Expression;
}
export interface Slice extends At {
  readonly kind: "slice";
  readonly start: Expression | undefined;
  readonly stop: Expression | undefined;
  readonly step: Expression | undefined;
}
export interface Concat extends At {
  readonly kind: "concat";
  readonly nodes: readonly Expression[];
}
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
export interface Operand extends At {
  readonly kind: "operand";
  readonly operator: Comparison;
  readonly value: Expression;
}
export interface Compare extends At {
  readonly kind: "compare";
  readonly node: Expression;
  readonly operands: readonly Operand[];
}
export interface Binary extends At {
  readonly kind: "binary";
  readonly operator: Operator | "and" | "or";
  readonly left: Expression;
  readonly right: Expression;
}
export interface Unary extends At {
  readonly kind: "unary";
  readonly operator: "-" | "+" | "not";
  readonly node: Expression;
}

export type Expression =
  | (Name | NamespaceRef | Const | Sequence | DictNode | Conditional | Call | Filter | Attribute | Item | Slice)
  | (Concat | Compare | Binary | Unary);
/** What is assigned to: names, or tuples of them. */
export type Target = Expression;

export interface Data extends At {
  readonly kind: "data";
  readonly text: string;
}
export interface Output extends At {
  readonly kind: "output";
  readonly nodes: readonly (Data | Expression)[];
}
export interface For extends At {
  readonly kind: "for";
  readonly target: Target;
  readonly iterable: Expression;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
  readonly test: Expression | undefined;
  readonly recursive: boolean;
}
export interface If extends At {
  readonly kind: "if";
  readonly test: Expression;
  readonly body: readonly Statement[];
  readonly alternatives: readonly If[];
  readonly otherwise: readonly Statement[];
}
export interface Macro extends At {
  readonly kind: "macro";
  readonly name: string;
  readonly params: readonly Name[];
  readonly defaults: readonly Expression[];
  readonly body: readonly Statement[];
}
export interface CallBlock extends At {
  readonly kind: "callBlock";
  readonly call: Call;
  readonly params: readonly Name[];
  readonly defaults: readonly Expression[];
  readonly body: readonly Statement[];
}
export interface FilterBlock extends At {
  readonly kind: "filterBlock";
  readonly body: readonly Statement[];
  readonly filter: Filter;
}
export interface With extends At {
  readonly kind: "with";
  readonly targets: readonly Target[];
  readonly values: readonly Expression[];
  readonly body: readonly Statement[];
}
export interface Block extends At {
  readonly kind: "block";
  readonly name: string;
  readonly body: readonly Statement[];
  readonly scoped: boolean;
  readonly required: boolean;
}
export interface Assign extends At {
  readonly kind: "assign";
  readonly target: Target;
  readonly value: Expression;
}
export interface AssignBlock extends At {
  readonly kind: "assignBlock";
  readonly target: Target;
  readonly filter: Filter | undefined;
  readonly body: readonly Statement[];
}
/** `{% generation %}`: what the assistant said, for training. */
export interface Generation extends At {
  readonly kind: "generation";
  readonly body: readonly Statement[];
}
/** `include`, `import`, `from` and `extends`: there are no other templates. */
export interface Other extends At {
  readonly kind: "other";
  readonly tag: string;
  readonly template: Expression;
  /** The names that it would assign. */
  readonly names: readonly string[];
}
export interface Jump extends At {
  readonly kind: "break" | "continue";
}

export type Statement =
  | (Output | For | If | Macro | CallBlock | FilterBlock | With | Block | Assign | AssignBlock | Generation | Other)
  | Jump;
export type Node = Expression | Statement | Data | Pair | Keyword | Operand;

/** The nodes right below a node, in order. */
export function* childrenOf(node: Node): Generator<Node> {
  for (const member of Object.values(node) as unknown[]) {
    if (Array.isArray(member)) {
      for (const one of member) if (isNode(one)) yield one;
    } else if (isNode(member)) {
      yield member;
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "kind" in value && "line" in value;
}

/** A node and all nodes below it. */
export function* descendantsOf(node: Node): Generator<Node> {
  const open: Node[] = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next;
    open.push(...childrenOf(next));
  }
}
