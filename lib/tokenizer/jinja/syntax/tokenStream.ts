// A template's tokens, taken one after the other.

import type { Budget } from "../../chat/budget.js";
import type { PythonError } from "../values/pythonError.js";
import type { Token, TokenType } from "./lexer.js";
import { syntaxError } from "./syntaxError.js";

export abstract class TokenStream {
  protected readonly budget: Budget;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[], budget: Budget) {
    this.#tokens = tokens;
    this.budget = budget;
  }

  protected get current(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] as Token;
  }

  protected get following(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)] as Token;
  }

  protected advance(): Token {
    const token = this.current;
    this.#at += 1;
    return token;
  }

  protected is(type: TokenType, ...values: readonly string[]): boolean {
    return this.current.type === type && (values.length === 0 || values.includes(this.current.value));
  }

  protected skipIf(type: TokenType, value: string): boolean {
    const found = this.is(type, value);
    if (found) this.advance();
    return found;
  }

  protected expect(type: TokenType, value?: string): Token {
    if (this.current.type === type && (value === undefined || this.current.value === value)) return this.advance();
    const wanted = value ?? DESCRIPTIONS[type] ?? type;
    if (this.current.type === "eof") throw this.fail(`unexpected end of template, expected '${wanted}'`);
    throw this.fail(`expected token '${wanted}', got '${describe(this.current)}'`);
  }

  protected fail(message: string, line = this.current.line): PythonError {
    return syntaxError(message, line);
  }

  /** Reads one level deeper. */
  protected deeper<Result>(read: () => Result): Result {
    this.budget.enter();
    const result = read();
    this.budget.leave();
    return result;
  }
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  variable_begin: "begin of print statement",
  variable_end: "end of print statement",
  block_begin: "begin of statement block",
  block_end: "end of statement block",
  data: "template data / text",
  eof: "end of template",
};

export function describe(token: Token): string {
  return token.type === "name" || token.type === "operator" ? token.value : (DESCRIPTIONS[token.type] ?? token.type);
}
