// The Jinja interpreter with a budget. Every statement and expression passes through `evaluate`, which counts it and
// measures what it hands on; the few operations whose result can be far larger than what they are given are measured
// before they run. And Python's own behaviour where the library's is JavaScript's.

import type { Budget } from "./budget.js";
import {
  countOf,
  type Environment,
  functionValue,
  Interpreter,
  integerValue,
  isFunction,
  isText,
  type Node,
  textValue,
  type Value,
} from "./jinja.js";
import { Measure } from "./measure.js";
import { PRINT, TICK } from "./prepareNodes.js";
import { stripText } from "./pythonText.js";

/** Type of a node that stands for a value which is known already. */
const KNOWN = "Known";
/** What a round of a loop takes beside its body. */
const STEPS_A_ROUND = 3;

export class BoundedInterpreter extends Interpreter {
  readonly #budget: Budget;
  readonly #measure: Measure;
  readonly #sizes = new WeakMap<object, number>();

  constructor(environment: Environment, budget: Budget) {
    super(environment);
    this.#budget = budget;
    this.#measure = new Measure(budget);
  }

  override evaluate(statement: Node | undefined, environment: Environment): Value {
    if (statement?.type === KNOWN) return statement.known as Value;
    this.#budget.enter();
    try {
      const value =
        statement === undefined ? super.evaluate(statement, environment) : this.#run(statement, environment);
      // A filter of the library may give nothing, such as the first item of an empty list.
      if (value === undefined) return super.evaluate(undefined, environment);
      if (isText(value)) this.#budget.allow(value.value.length);
      else if (countOf(value) > 0) this.#measure.of(value);
      this.#budget.spendOn(isText(value) ? value.value.length : countOf(value));
      return value;
    } finally {
      this.#budget.leave();
    }
  }

  #run(node: Node, environment: Environment): Value {
    if (node === TICK) this.#budget.spend(STEPS_A_ROUND);
    switch (node.type) {
      case "For":
        return this.#loop(node, environment);
      case "Macro":
      case "CallStatement":
        // The library looks through the whole body each time.
        this.#budget.spend(this.#sizeOf(node));
        return super.evaluate(node, environment);
      case "FilterExpression":
        return this.#filter(node, this.evaluate(node.operand as Node, environment), environment);
      case "FilterStatement": {
        const block = this.evaluate({ type: "Program", body: node.body } as Node, environment);
        return this.#filter({ ...node, type: "FilterExpression" }, block, environment);
      }
      case "MemberExpression":
        return this.#member(node, environment);
      case PRINT:
        return printed(this.evaluate(node.expression as Node, environment));
      default:
        return super.evaluate(node, environment);
    }
  }

  /** Counts a loop's items before it starts. */
  #loop(node: Node, environment: Environment): Value {
    const iterable = node.iterable as Node;
    const filtered = iterable.type === "SelectExpression";
    const items = this.evaluate((filtered ? iterable.lhs : iterable) as Node, environment);
    this.#budget.spend(countOf(items));
    const counted = { ...node, iterable: filtered ? { ...iterable, lhs: known(items) } : known(items) };
    return super.evaluate(counted, environment);
  }

  #filter(node: Node, operand: Value, environment: Environment): Value {
    const filter = node.filter as Node;
    const call = filter.type === "CallExpression";
    const name = (call ? (filter.callee as Node) : filter).value;
    const run = (args: readonly Node[] | undefined): Value =>
      super.evaluate({ ...node, operand: known(operand), filter: args ? { ...filter, args } : filter }, environment);
    if (name === "trim" && isText(operand)) {
      const [characters] = call ? this.#arguments(filter.args as Node[], environment).values : [];
      return textValue(stripText(operand.value, true, true, isText(characters) ? characters.value : undefined));
    }
    if (name === "length" && isText(operand)) return integerValue(Array.from(operand.value).length);
    if (!call || !(name === "replace" || name === "join" || name === "indent" || name === "tojson"))
      return run(undefined);
    const { nodes, values } = this.#arguments(filter.args as Node[], environment);
    if (name === "replace") this.#allowReplace(operand, values);
    else this.#allowBetween(name, operand, values);
    return run(nodes);
  }

  /** Arguments of a call as known nodes, and their values in order. */
  #arguments(args: readonly Node[], environment: Environment): { nodes: Node[]; values: Value[] } {
    const values: Value[] = [];
    const evaluated = (node: unknown): Node => {
      const value = this.evaluate(node as Node, environment);
      values.push(value);
      return known(value);
    };
    const nodes = args.map((arg): Node => {
      if (arg.type === "KeywordArgumentExpression") return { ...arg, value: evaluated(arg.value) };
      if (arg.type === "SpreadExpression" || arg.type === "KeywordSpreadExpression") {
        return { ...arg, argument: evaluated(arg.argument) };
      }
      return evaluated(arg);
    });
    return { nodes, values };
  }

  #allowReplace(operand: Value, [old, replacement]: readonly Value[]): void {
    if (!isText(operand) || !isText(old) || !isText(replacement)) return;
    const length = operand.value.length;
    const places = old.value === "" ? length + 1 : operand.value.split(old.value).length - 1;
    this.#budget.spendOn(length);
    this.#budget.allow(length + places * replacement.value.length);
  }

  /** What goes between items or before lines: at most all arguments' text and the largest number of spaces. */
  #allowBetween(name: string, operand: Value, values: readonly Value[]): void {
    const { characters, depth } = this.#measure.of(operand);
    const lines = isText(operand) ? operand.value.split("\n").length : 0;
    const places =
      name === "indent" ? lines : name === "join" ? countOf(operand) + (isText(operand) ? characters : 0) : characters;
    let each = 0;
    for (const value of values)
      each += typeof value.value === "number" ? Math.abs(value.value) : this.#measure.of(value).characters;
    this.#budget.allow(characters + places * each * (name === "tojson" ? depth + 1 : 1));
  }

  #member(node: Node, environment: Environment): Value {
    const object = this.evaluate(node.object as Node, environment);
    let property = node.property as Node;
    if (node.computed === true && property.type !== "SliceExpression") {
      property = known(this.evaluate(property, environment));
    }
    const value = super.evaluate({ ...node, object: known(object), property }, environment);
    if (!isText(object) || !isFunction(value)) return value;
    const name = node.computed === true ? (property.known as Value).value : property.value;
    const { value: text } = object;
    switch (name) {
      case "strip":
      case "lstrip":
      case "rstrip":
        return functionValue(([characters]) =>
          textValue(
            stripText(text, name !== "rstrip", name !== "lstrip", isText(characters) ? characters.value : undefined),
          ),
        );
      case "replace":
        return functionValue((args, scope) => {
          this.#allowReplace(object, args);
          return value.value(args, scope);
        });
      default:
        return value;
    }
  }

  /** Nodes of a statement. */
  #sizeOf(node: object): number {
    const seen = this.#sizes.get(node);
    if (seen !== undefined) return seen;
    const children = node instanceof Map ? [...node].flat() : Object.values(node);
    let size = 1;
    for (const child of children) if (typeof child === "object" && child !== null) size += this.#sizeOf(child);
    this.#sizes.set(node, size);
    return size;
  }
}

/** As Python writes a value that is printed, where the library would not. */
function printed(value: Value): Value {
  if (typeof value.value === "boolean") return textValue(value.value ? "True" : "False");
  return value.type === "NullValue" ? textValue("None") : value;
}

function known(value: Value): Node {
  return { type: KNOWN, known: value } as Node;
}
