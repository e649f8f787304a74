// Reads operators by jinja2's grammar: `or` binds weakest, then `and`, `not`, comparisons (which chain), `+` and `-`, `~`,
// `*` and its kin, `**` (from the left), and signs.

import type { Operator } from "../values/arithmetic.js";
import type { Comparison, Expression, Operand } from "./nodes.js";
import { OperandParser } from "./operandParser.js";

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
/** Operators of arithmetic that bind alike, the weakest first. */
const ARITHMETIC: readonly (readonly string[])[] = [["+", "-"], ["~"], ["*", "/", "//", "%"], ["**"]];

export abstract class ExpressionParser extends OperandParser {
  protected expression(conditional = true): Expression {
    return this.deeper(() => (conditional ? this.#conditional() : this.#or()));
  }

  #conditional(): Expression {
    let { line } = this.current;
    let value = this.#or();
    while (this.skipIf("name", "if")) {
      const test = this.#or();
      const otherwise = this.skipIf("name", "else") ? this.expression() : undefined;
      value = { kind: "conditional", line, test, value, otherwise };
      ({ line } = this.current);
    }
    return value;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.is("name", "or")) {
      const { line } = this.advance();
      left = { kind: "binary", line, operator: "or", left, right: this.#and() };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.is("name", "and")) {
      const { line } = this.advance();
      left = { kind: "binary", line, operator: "and", left, right: this.#not() };
    }
    return left;
  }

  #not(): Expression {
    if (!this.is("name", "not")) return this.#compare();
    const { line } = this.advance();
    return { kind: "unary", line, operator: "not", node: this.deeper(() => this.#not()) };
  }

  #compare(): Expression {
    const { line } = this.current;
    const node = this.#arithmetic(0);
    const operands: Operand[] = [];
    for (let operator = this.#comparison(); operator !== undefined; operator = this.#comparison()) {
      operands.push({ kind: "operand", line: this.current.line, operator, value: this.#arithmetic(0) });
    }
    return operands.length === 0 ? node : { kind: "compare", line, node, operands };
  }

  #comparison(): Comparison | undefined {
    if (this.current.type === "operator" && COMPARISONS.has(this.current.value))
      return this.advance().value as Comparison;
    if (this.skipIf("name", "in")) return "in";
    if (!this.is("name", "not") || this.following.type !== "name" || this.following.value !== "in") return undefined;
    this.advance();
    this.advance();
    return "not in";
  }

  #arithmetic(level: number): Expression {
    const operators = ARITHMETIC[level];
    if (operators === undefined) return this.#unary(true);
    let left = this.#arithmetic(level + 1);
    if (operators[0] === "~") return this.#concat(left);
    while (this.is("operator", ...operators)) {
      const { line, value } = this.advance();
      left = { kind: "binary", line, operator: value as Operator, left, right: this.#arithmetic(level + 1) };
    }
    return left;
  }

  #concat(first: Expression): Expression {
    const nodes = [first];
    while (this.skipIf("operator", "~")) nodes.push(this.#arithmetic(2));
    return nodes.length === 1 ? first : { kind: "concat", line: first.line, nodes };
  }

  #unary(filtered: boolean): Expression {
    let node: Expression;
    if (this.is("operator", "-", "+")) {
      const { line, value } = this.advance();
      node = { kind: "unary", line, operator: value as "-" | "+", node: this.deeper(() => this.#unary(false)) };
    } else {
      node = this.primary(false);
    }
    node = this.postfix(node);
    return filtered ? this.filtered(node) : node;
  }
}
