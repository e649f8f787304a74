// Reads what operators stand between: names, literals and what is in brackets, and the attributes, calls, filters and tests
// behind them.

import { valueError } from "../values/pythonError.js";
import { Float, integer, type Value } from "../values/value.js";
import type { Token } from "./lexer.js";
import type { Arguments, Expression, Filter, Keyword, Pair, Target } from "./nodes.js";
import { describe, TokenStream } from "./tokenStream.js";

/** Python refuses to read integers of more digits. */
const MAX_DIGITS = 4300;
const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...([
    ["true", true],
    ["True", true],
    ["false", false],
    ["False", false],
    ["none", null],
    ["None", null],
  ] as const),
]);

export abstract class OperandParser extends TokenStream {
  /** Reads an expression. @param conditional Whether `a if b else c` may be one. */
  protected abstract expression(conditional?: boolean): Expression;

  /** @param namespaces Whether `name.attribute` is a place to assign to. */
  protected primary(namespaces: boolean): Expression {
    const token = this.current;
    const { line, value } = token;
    if (token.type === "name") {
      this.advance();
      const constant = CONSTANTS.get(value);
      if (constant !== undefined) return { kind: "const", line, value: constant };
      if (namespaces && this.skipIf("operator", ".")) {
        return { kind: "namespaceRef", line, name: value, attribute: this.expect("name").value };
      }
      return { kind: "name", line, name: value, use: "load" };
    }
    if (token.type === "string") {
      let text = "";
      while (this.current.type === "string") text += this.advance().value;
      return { kind: "const", line, value: text };
    }
    if (token.type === "integer" || token.type === "float")
      return { kind: "const", line, value: numberOf(this.advance()) };
    if (this.is("operator", "(")) {
      this.advance();
      const inner = this.tuple({ parentheses: true });
      this.expect("operator", ")");
      return inner;
    }
    if (this.is("operator", "[")) return this.#list();
    if (this.is("operator", "{")) return this.#dict();
    throw this.fail(`unexpected '${describe(token)}'`);
  }

  /** One expression, or a tuple of some without parentheses. */
  protected tuple(
    options: {
      names?: boolean;
      conditional?: boolean;
      ends?: readonly string[];
      parentheses?: boolean;
      namespaces?: boolean;
    } = {},
  ): Expression {
    const { names = false, conditional = true, ends = [], parentheses = false, namespaces = false } = options;
    const items: Expression[] = [];
    let isTuple = false;
    let { line } = this.current;
    for (;;) {
      if (items.length > 0) this.expect("operator", ",");
      if (this.#endsTuple(ends)) break;
      items.push(names ? this.primary(namespaces) : this.expression(conditional));
      if (!this.is("operator", ",")) break;
      isTuple = true;
      ({ line } = this.current);
    }
    if (!isTuple && items[0] !== undefined) return items[0];
    if (!isTuple && !parentheses) throw this.fail(`Expected an expression, got '${describe(this.current)}'`);
    return { kind: "tuple", line, items };
  }

  #endsTuple(ends: readonly string[]): boolean {
    const { type } = this.current;
    if (type === "variable_end" || type === "block_end" || this.is("operator", ")")) return true;
    return ends.length > 0 && this.is("name", ...ends);
  }

  #list(): Expression {
    const { line } = this.expect("operator", "[");
    const items: Expression[] = [];
    while (!this.is("operator", "]")) {
      if (items.length > 0) this.expect("operator", ",");
      if (this.is("operator", "]")) break;
      items.push(this.expression());
    }
    this.expect("operator", "]");
    return { kind: "list", line, items };
  }

  #dict(): Expression {
    const { line } = this.expect("operator", "{");
    const items: Pair[] = [];
    while (!this.is("operator", "}")) {
      if (items.length > 0) this.expect("operator", ",");
      if (this.is("operator", "}")) break;
      const key = this.expression();
      this.expect("operator", ":");
      items.push({ kind: "pair", line: key.line, key, value: this.expression() });
    }
    this.expect("operator", "}");
    return { kind: "dict", line, items };
  }

  protected postfix(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.is("operator", ".", "[")) node = this.#subscript(node);
      else if (this.is("operator", "(")) node = this.#call(node);
      else return node;
    }
  }

  protected filtered(start: Expression): Expression {
    let node = start;
    for (;;) {
      if (this.is("operator", "|")) node = this.filters(node) as Expression;
      else if (this.is("name", "is")) node = this.#test(node);
      else if (this.is("operator", "(")) node = this.#call(node);
      else return node;
    }
  }

  #subscript(node: Expression): Expression {
    const { line, value } = this.advance();
    if (value === ".") {
      const token = this.advance();
      if (token.type === "name") return { kind: "attribute", line, node, attribute: token.value };
      if (token.type !== "integer") throw this.fail("expected name or number", token.line);
      return { kind: "item", line, node, key: { kind: "const", line, value: numberOf(token) } };
    }
    const keys: Expression[] = [];
    while (!this.is("operator", "]")) {
      if (keys.length > 0) this.expect("operator", ",");
      keys.push(this.#subscribed());
    }
    this.expect("operator", "]");
    const [first] = keys;
    const key: Expression = keys.length === 1 && first !== undefined ? first : { kind: "tuple", line, items: keys };
    return { kind: "item", line, node, key };
  }

  #subscribed(): Expression {
    const { line } = this.current;
    const bounds: (Expression | undefined)[] = [];
    if (this.skipIf("operator", ":")) {
      bounds.push(undefined);
    } else {
      const node = this.expression();
      if (!this.skipIf("operator", ":")) return node;
      bounds.push(node);
    }
    const bound = (): Expression | undefined => (this.is("operator", "]", ",") ? undefined : this.expression());
    bounds.push(this.is("operator", ":") ? undefined : bound());
    bounds.push(this.skipIf("operator", ":") ? bound() : undefined);
    const [start, stop, step] = bounds;
    return { kind: "slice", line, start, stop, step };
  }

  #call(node: Expression): Expression {
    const { line } = this.current;
    return { kind: "call", line, node, ...this.#arguments() };
  }

  #arguments(): Arguments {
    const { line } = this.expect("operator", "(");
    const args: Expression[] = [];
    const keywords: Keyword[] = [];
    let moreArgs: Expression | undefined;
    let moreKeywords: Expression | undefined;
    const ensure = (valid: boolean): void => {
      if (!valid) throw this.fail("invalid syntax for function call expression", line);
    };
    for (let first = true; !this.is("operator", ")"); first = false) {
      if (!first) {
        this.expect("operator", ",");
        if (this.is("operator", ")")) break;
      }
      if (this.is("operator", "*")) {
        ensure(moreArgs === undefined && moreKeywords === undefined);
        this.advance();
        moreArgs = this.expression();
      } else if (this.is("operator", "**")) {
        ensure(moreKeywords === undefined);
        this.advance();
        moreKeywords = this.expression();
      } else if (this.is("name") && this.following.type === "operator" && this.following.value === "=") {
        ensure(moreKeywords === undefined);
        const { value: key, line: at } = this.advance();
        this.advance();
        keywords.push({ kind: "keyword", line: at, key, value: this.expression() });
      } else {
        ensure(moreArgs === undefined && moreKeywords === undefined && keywords.length === 0);
        args.push(this.expression());
      }
    }
    this.expect("operator", ")");
    return { args, keywords, moreArgs, moreKeywords };
  }

  /** `| name(arguments)`, once or more often. */
  protected filters(start: Expression | undefined, inline = false): Filter | undefined {
    let node = start as Filter | undefined;
    let bare = inline;
    while (this.is("operator", "|") || bare) {
      if (!bare) this.advance();
      const { line, name } = this.#dotted();
      node = { kind: "filter", line, node, name, ...(this.is("operator", "(") ? this.#arguments() : NO_ARGUMENTS) };
      bare = false;
    }
    return node;
  }

  #dotted(): { line: number; name: string } {
    const { line, value } = this.expect("name");
    let name = value;
    while (this.skipIf("operator", ".")) name += `.${this.expect("name").value}`;
    return { line, name };
  }

  #test(node: Expression): Expression {
    const { line } = this.advance();
    const negated = this.skipIf("name", "not");
    const { name } = this.#dotted();
    let args: Arguments = NO_ARGUMENTS;
    if (this.is("operator", "(")) args = this.#arguments();
    else if (this.#startsArgument()) {
      if (this.is("name", "is")) throw this.fail("You cannot chain multiple tests with is");
      args = { ...NO_ARGUMENTS, args: [this.postfix(this.primary(false))] };
    }
    const test: Filter = { kind: "test", line, node, name, ...args };
    return negated ? { kind: "unary", line, operator: "not", node: test } : test;
  }

  #startsArgument(): boolean {
    const { type } = this.current;
    if (type === "name") return !this.is("name", "else", "or", "and");
    return type === "string" || type === "integer" || type === "float" || this.is("operator", "[", "{");
  }

  /** Makes an expression a place to assign to. */
  protected assignable(target: Expression): Target {
    if (target.kind === "name") return { ...target, use: "store" };
    if (target.kind === "namespaceRef") return target;
    if (target.kind !== "tuple") throw this.fail(`can't assign to '${target.kind}'`, target.line);
    return { ...target, items: target.items.map((item) => this.assignable(item)) };
  }
}

const NO_ARGUMENTS: Arguments = { args: [], keywords: [], moreArgs: undefined, moreKeywords: undefined };

function numberOf({ type, value }: Token): Value {
  if (type === "float") return new Float(Number(value));
  if (value.length > MAX_DIGITS && /^\d+$/.test(value)) {
    throw valueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  }
  return integer(BigInt(value));
}
