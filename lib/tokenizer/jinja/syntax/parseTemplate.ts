// Reads a template's statements.

import type { Budget } from "../../chat/budget.js";
import { strip } from "../text/strip.js";
import type { PythonError } from "../values/pythonError.js";
import { ExpressionParser } from "./expressionParser.js";
import { tokenize, type WhiteSpace } from "./lexer.js";
import type { Data, Expression, Filter, If, Name, Output, Statement, Target } from "./nodes.js";

/** @throws PythonError TemplateSyntaxError for what is no Jinja. */
export function parseTemplate(template: string, budget: Budget, space: WhiteSpace): Statement[] {
  return new Parser(tokenize(template, space), budget).template();
}

class Parser extends ExpressionParser {
  readonly #open: string[] = [];

  readonly #statements: Readonly<Record<string, () => Statement>> = {
    for: () => this.#for(),
    if: () => this.#if(),
    set: () => this.#set(),
    macro: () => this.#macro(),
    call: () => this.#callBlock(),
    filter: () => this.#filterBlock(),
    with: () => this.#with(),
    block: () => this.#block(),
    print: () => this.#print(),
    generation: () => ({ kind: "generation", line: this.advance().line, body: this.#body("endgeneration") }),
    break: () => ({ kind: "break", line: this.advance().line }),
    continue: () => ({ kind: "continue", line: this.advance().line }),
    include: () => this.#include(),
    import: () => this.#import(),
    from: () => this.#from(),
    extends: () => ({
      kind: "other",
      line: this.advance().line,
      tag: "extends",
      template: this.expression(),
      names: [],
    }),
  };

  template(): Statement[] {
    return this.#until([]);
  }

  /** Statements and text up to one of the tags, which stays the current token; up to the template's end if there are none. */
  #until(ends: readonly string[]): Statement[] {
    const body: Statement[] = [];
    let pieces: (Data | Expression)[] = [];
    const flush = (): void => {
      const [first] = pieces;
      if (first !== undefined) body.push({ kind: "output", line: first.line, nodes: pieces });
      pieces = [];
    };
    while (!this.is("eof")) {
      if (this.is("data")) {
        const { line, value } = this.advance();
        pieces.push({ kind: "data", line, text: value });
      } else if (this.is("variable_begin")) {
        this.advance();
        pieces.push(this.tuple());
        this.expect("variable_end");
      } else {
        flush();
        this.expect("block_begin");
        if (ends.length > 0 && this.is("name", ...ends)) return body;
        body.push(this.deeper(() => this.#statement(ends)));
        this.expect("block_end");
      }
    }
    flush();
    return body;
  }

  #statement(ends: readonly string[]): Statement {
    const { type, value, line } = this.current;
    if (type !== "name") throw this.fail("tag name expected");
    const read = Object.hasOwn(this.#statements, value) ? this.#statements[value] : undefined;
    if (read === undefined) throw this.#unexpected(`Encountered unknown tag '${value}'.`, ends, line);
    this.#open.push(value);
    const statement = read();
    this.#open.pop();
    return statement;
  }

  #unexpected(what: string, ends: readonly string[], line = this.current.line): PythonError {
    const looking = ends.map((end) => `'${end}'`).join(" or ");
    const innermost = this.#open.at(-1);
    return this.fail(
      what +
        (looking === "" ? "" : ` Jinja was looking for the following tags: ${looking}.`) +
        (innermost === undefined ? "" : ` The innermost block that needs to be closed is '${innermost}'.`),
      line,
    );
  }

  /** The rest of a tag's end, and a body up to one of the tags. */
  #bodyUntil(...ends: readonly string[]): Statement[] {
    this.skipIf("operator", ":");
    this.expect("block_end");
    const body = this.#until(ends);
    if (this.is("eof")) throw this.#unexpected("Unexpected end of template.", ends);
    return body;
  }

  #body(end: string): Statement[] {
    const body = this.#bodyUntil(end);
    this.advance();
    return body;
  }

  #nameTarget(): Name {
    const { line, value } = this.expect("name");
    if (["true", "false", "none", "True", "False", "None"].includes(value))
      throw this.fail("can't assign to 'name'", line);
    return { kind: "name", line, name: value, use: "store" };
  }

  #target(options: { ends?: readonly string[]; namespaces?: boolean } = {}): Target {
    return this.assignable(this.tuple({ names: true, ...options }));
  }

  #for(): Statement {
    const { line } = this.advance();
    const target = this.#target({ ends: ["in"] });
    this.expect("name", "in");
    const iterable = this.tuple({ conditional: false, ends: ["recursive"] });
    const test = this.skipIf("name", "if") ? this.expression() : undefined;
    const recursive = this.skipIf("name", "recursive");
    const body = this.#bodyUntil("endfor", "else");
    const otherwise = this.advance().value === "endfor" ? [] : this.#body("endfor");
    return { kind: "for", line, target, iterable, body, otherwise, test, recursive };
  }

  #if(): If {
    const { line } = this.advance();
    const test = this.tuple({ conditional: false });
    const body = this.#bodyUntil("elif", "else", "endif");
    const alternatives: If[] = [];
    let otherwise: Statement[] = [];
    let end = this.advance().value;
    while (end === "elif") {
      const at = this.current.line;
      const also = this.tuple({ conditional: false });
      const inner = this.#bodyUntil("elif", "else", "endif");
      alternatives.push({ kind: "if", line: at, test: also, body: inner, alternatives: [], otherwise: [] });
      end = this.advance().value;
    }
    if (end === "else") otherwise = this.#body("endif");
    return { kind: "if", line, test, body, alternatives, otherwise };
  }

  #set(): Statement {
    const { line } = this.advance();
    const target = this.#target({ namespaces: true });
    if (this.skipIf("operator", "=")) return { kind: "assign", line, target, value: this.tuple() };
    const filter = this.filters(undefined);
    return { kind: "assignBlock", line, target, filter, body: this.#body("endset") };
  }

  #signature(): { params: Name[]; defaults: Expression[] } {
    const params: Name[] = [];
    const defaults: Expression[] = [];
    this.expect("operator", "(");
    while (!this.is("operator", ")")) {
      if (params.length > 0) this.expect("operator", ",");
      params.push({ ...this.#nameTarget(), use: "param" });
      if (this.skipIf("operator", "=")) defaults.push(this.expression());
      else if (defaults.length > 0) throw this.fail("non-default argument follows default argument");
    }
    this.expect("operator", ")");
    return { params, defaults };
  }

  #macro(): Statement {
    const { line } = this.advance();
    const { name } = this.#nameTarget();
    const { params, defaults } = this.#signature();
    return { kind: "macro", line, name, params, defaults, body: this.#body("endmacro") };
  }

  #callBlock(): Statement {
    const { line } = this.advance();
    const { params, defaults } = this.is("operator", "(") ? this.#signature() : { params: [], defaults: [] };
    const call = this.expression();
    if (call.kind !== "call") throw this.fail("expected call", line);
    return { kind: "callBlock", line, call, params, defaults, body: this.#body("endcall") };
  }

  #filterBlock(): Statement {
    const { line } = this.advance();
    const filter = this.filters(undefined, true) as Filter;
    const body = this.#body("endfilter");
    return { kind: "filterBlock", line, body, filter };
  }

  #with(): Statement {
    const { line } = this.advance();
    const targets: Target[] = [];
    const values: Expression[] = [];
    while (!this.is("block_end")) {
      if (targets.length > 0) this.expect("operator", ",");
      targets.push(asParameter(this.#target()));
      this.expect("operator", "=");
      values.push(this.expression());
    }
    return { kind: "with", line, targets, values, body: this.#body("endwith") };
  }

  #block(): Statement {
    const { line } = this.advance();
    const name = this.expect("name").value;
    const scoped = this.skipIf("name", "scoped");
    const required = this.skipIf("name", "required");
    if (this.is("operator", "-"))
      throw this.fail("Block names in Jinja may not contain hyphens, use an underscore instead.");
    const body = this.#body("endblock");
    if (required && !body.every(isBlank)) throw this.fail("Required blocks can only contain comments or whitespace");
    this.skipIf("name", name);
    return { kind: "block", line, name, body, scoped, required };
  }

  #print(): Output {
    const { line } = this.advance();
    const nodes: Expression[] = [];
    while (!this.is("block_end")) {
      if (nodes.length > 0) this.expect("operator", ",");
      nodes.push(this.expression());
    }
    return { kind: "output", line, nodes };
  }

  #context(): void {
    if (this.is("name", "with", "without") && this.following.value === "context") {
      this.advance();
      this.advance();
    }
  }

  #include(): Statement {
    const { line } = this.advance();
    const template = this.expression();
    if (this.is("name", "ignore") && this.following.value === "missing") {
      this.advance();
      this.advance();
    }
    this.#context();
    return { kind: "other", line, tag: "include", template, names: [] };
  }

  #import(): Statement {
    const { line } = this.advance();
    const template = this.expression();
    this.expect("name", "as");
    const { name } = this.#nameTarget();
    this.#context();
    return { kind: "other", line, tag: "import", template, names: [name] };
  }

  #from(): Statement {
    const { line } = this.advance();
    const template = this.expression();
    this.expect("name", "import");
    const names: string[] = [];
    do {
      if (this.is("name", "with", "without") && this.following.value === "context") break;
      const { name } = this.#nameTarget();
      names.push(this.skipIf("name", "as") ? this.#nameTarget().name : name);
    } while (this.skipIf("operator", ","));
    this.#context();
    return { kind: "other", line, tag: "from", template, names };
  }
}

function asParameter(target: Target): Target {
  if (target.kind === "name") return { ...target, use: "param" };
  return target.kind === "tuple" ? { ...target, items: target.items.map(asParameter) } : target;
}

function isBlank(statement: Statement): boolean {
  return (
    statement.kind === "output" &&
    statement.nodes.every((node) => node.kind === "data" && strip(node.text, true, true) === "")
  );
}
