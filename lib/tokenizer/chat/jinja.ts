// The Jinja library as this folder uses it. Its own types do not resolve under Node's rules, and it keeps the classes of
// its values to itself, so both are said here once.

import * as library from "@huggingface/jinja";

export interface Value {
  readonly type: string;
  readonly value: unknown;
}

/** A node of the parsed template; which members it has depends on its type. */
export type Node = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface Environment {
  /** Declares a variable, from plain JavaScript. */
  set(name: string, value: unknown): Value;
}

interface Library {
  readonly Environment: new (parent?: Environment) => Environment;
  readonly Interpreter: new (
    environment: Environment,
  ) => { evaluate(statement: Node | undefined, environment: Environment): Value };
  readonly tokenize: (text: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }) => unknown;
  readonly parse: (tokens: unknown) => Node;
}

export const { Environment, Interpreter, tokenize, parse } = library as unknown as Library;

type Callable = (args: readonly Value[], scope: Environment) => Value;

// The environment makes values of plain ones, which shows their classes.
const environment = new Environment();
const TextValue = environment.set("text", "").constructor as new (value: string) => Value;
const IntegerValue = environment.set("integer", 0).constructor as new (value: number) => Value;
const FunctionValue = environment.set("function", () => null).constructor as new (value: Callable) => Value;

export function textValue(value: string): Value {
  return new TextValue(value);
}

export function integerValue(value: number): Value {
  return new IntegerValue(value);
}

export function functionValue(value: Callable): Value {
  return new FunctionValue(value);
}

export function isText(value: unknown): value is Value & { readonly value: string } {
  return value instanceof TextValue;
}

export function isFunction(value: unknown): value is Value & { readonly value: Callable } {
  return value instanceof FunctionValue;
}

/** Namespaces are the only values that change. */
export function isNamespace(value: Value): boolean {
  return value.type === "NamespaceValue";
}

/** The parts of a list (its items), a mapping or a namespace (texts and values); undefined for anything else. */
export function partsOf(value: Value): Iterable<unknown> | undefined {
  const { value: inner } = value;
  return Array.isArray(inner) ? inner : inner instanceof Map ? [...inner].flat() : undefined;
}

/** How many items or entries a list or mapping has; 0 for anything else. */
export function countOf({ value }: Value): number {
  return Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0;
}
