// The `loop` of a loop. It takes items one by one, and one ahead where it is asked about the next.

import { withSignature } from "../values/bindArguments.js";
import { Callable } from "../values/callable.js";
import { same } from "../values/compare.js";
import { IterableObject, iterate, sizeOf } from "../values/iterate.js";
import { typeError } from "../values/pythonError.js";
import { Undefined } from "../values/undefined.js";
import type { ObjectWriter } from "../values/value.js";
import { type Keywords, type Run, Tuple, type Value } from "../values/value.js";

/** Renders a recursive loop's body for items one level deeper. */
export type Recurse = (items: Value, depth: number) => Value;

export class LoopContext extends IterableObject {
  readonly typeName = "LoopContext";
  readonly #run: Run;
  readonly #iterable: Value;
  #items: Iterator<Value>;
  readonly #recurse: Recurse | undefined;
  readonly #depth: number;
  #index = -1;
  #length: number | undefined;
  #after: Value | undefined;
  #current: Value | undefined;
  #before: Value | undefined;
  #changed: Tuple | undefined;

  /** @throws PythonError TypeError for what cannot be iterated over. */
  constructor(run: Run, iterable: Value, depth = 0, recurse?: Recurse) {
    super();
    this.#run = run;
    this.#iterable = iterable;
    this.#items = iterate(run, iterable)[Symbol.iterator]();
    this.#depth = depth;
    this.#recurse = recurse;
  }

  /** Goes on to the next item; undefined at the end. */
  advance(): Value | undefined {
    const item = this.#after === undefined ? this.#take() : this.#after;
    this.#after = undefined;
    if (item === undefined) return undefined;
    this.#index += 1;
    this.#before = this.#current;
    this.#current = item;
    return item;
  }

  #take(): Value | undefined {
    const { done, value } = this.#items.next();
    return done ? undefined : value;
  }

  #peek(): Value | undefined {
    if (this.#after === undefined) this.#after = this.#take();
    return this.#after;
  }

  override next(): Value | undefined {
    const item = this.advance();
    return item === undefined ? undefined : new Tuple([item, this]);
  }

  get length(): number {
    this.#length ??= sizeOf(this.#run, this.#iterable);
    if (this.#length === undefined) {
      const rest: Value[] = [];
      for (let item = this.#take(); item !== undefined; item = this.#take()) rest.push(item);
      this.#items = rest.values();
      this.#length = rest.length + this.#index + 1 + (this.#after === undefined ? 0 : 1);
    }
    return this.#length;
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return this.#index + 1;
      case "index0":
        return this.#index;
      case "first":
        return this.#index === 0;
      case "last":
        return this.#peek() === undefined;
      case "length":
      case "__len__":
        return this.length;
      case "revindex":
        return this.length - this.#index;
      case "revindex0":
        return this.length - this.#index - 1;
      case "depth":
        return this.#depth + 1;
      case "depth0":
        return this.#depth;
      case "previtem":
        if (this.#index === 0) return new Undefined({ hint: "there is no previous item" });
        return this.#before;
      case "nextitem": {
        const item = this.#peek();
        return item === undefined ? new Undefined({ hint: "there is no next item" }) : item;
      }
      case "cycle":
        return new Callable("cycle", (_, args, keywords) => this.#cycle(args, keywords), "method");
      case "changed":
        return new Callable("changed", (run, args, keywords) => this.#isChanged(run, args, keywords), "method");
      default:
        return undefined;
    }
  }

  #cycle(args: readonly Value[], keywords: Keywords): Value {
    refuseKeywords("cycle", keywords);
    if (args.length === 0) throw typeError("no items for cycling given");
    return args[this.#index % args.length] as Value;
  }

  #isChanged(run: Run, args: readonly Value[], keywords: Keywords): boolean {
    refuseKeywords("changed", keywords);
    const value = new Tuple(args);
    if (this.#changed !== undefined && same(run, this.#changed, value)) return false;
    this.#changed = value;
    return true;
  }

  write(writer: ObjectWriter): void {
    writer.add(`<LoopContext ${this.#index + 1}/${this.length}>`);
  }

  override get callable(): boolean {
    return true;
  }

  override call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return this.#render(run, args, keywords);
  }

  readonly #render = withSignature("__call__", "iterable", (run, iterable) => {
    if (this.#recurse === undefined) {
      throw typeError("The loop must have the 'recursive' marker to be called recursively.");
    }
    run.budget.enter();
    const text = this.#recurse(iterable as Value, this.#depth + 1);
    run.budget.leave();
    return text;
  });
}

function refuseKeywords(name: string, keywords: Keywords): void {
  const [key] = keywords.keys();
  if (key !== undefined) throw typeError(`LoopContext.${name}() got an unexpected keyword argument '${key}'`);
}
