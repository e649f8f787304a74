// The stack of a pickle's machine, with its marks, and the memo: nothing below a mark is taken, nothing is recalled that was not
// remembered, and what is made is paid for (pickleMemory.ts).

import type { RetemperError } from "../../../errors.js";
import { PickleMemory } from "./pickleMemory.js";
import { Dict, kindOf, type PickleValue, Tuple } from "./values.js";

export class PickleStack {
  readonly #memory: PickleMemory;
  readonly #refused: (what: string) => RetemperError;
  readonly #values: PickleValue[] = [];
  /** Heights of the stack at its marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  /** @param refused the error for what a pickle does wrong, at the place where it is */
  constructor(file: string, refused: (what: string) => RetemperError) {
    this.#memory = new PickleMemory(file);
    this.#refused = refused;
  }

  /** Pays for what is no value, so that no work is without end. */
  pay(bytes: number): void {
    this.#memory.take(bytes);
  }

  /** @param bytes about what the value takes, beside its place on the stack */
  push(value: PickleValue, bytes = 0): void {
    this.#memory.take(8 + bytes);
    this.#values.push(value);
  }

  pushText(text: string): void {
    this.push(text, 32 + 2 * text.length);
  }

  pushTuple(items: readonly PickleValue[]): void {
    this.push(new Tuple(items), 64 + 8 * items.length);
  }

  pushList(items: PickleValue[]): void {
    this.push(items, 64 + 8 * items.length);
  }

  pushDict(items: readonly PickleValue[]): void {
    this.push(new Dict(), 200);
    this.setItems(items);
  }

  /** A number where it is exact as one. */
  pushInteger(value: bigint): void {
    const exact = value >= -Number.MAX_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    this.push(exact ? Number(value) : value, exact ? 0 : 128);
  }

  mark(): void {
    this.#memory.take(16);
    this.#marks.push(this.#values.length);
  }

  pop(): PickleValue {
    this.#require(1);
    return this.#values.pop() as PickleValue;
  }

  popSome(count: number): PickleValue[] {
    this.#require(count);
    return this.#values.splice(this.#values.length - count);
  }

  popMarked(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#refused("takes up to a mark that is not there");
    return this.#values.splice(mark);
  }

  /** POP takes a mark where one lies on top. */
  drop(): void {
    if (this.#marks.at(-1) === this.#values.length) this.#marks.pop();
    else this.pop();
  }

  top(): PickleValue {
    this.#require(1);
    return this.#values.at(-1) as PickleValue;
  }

  /** The one value that is left at the end. */
  last(): PickleValue {
    if (this.#values.length === 1 && this.#marks.length === 0) return this.pop();
    throw this.#refused("ends with more or less than one value");
  }

  append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.#refused(`puts items into ${kindOf(list)}`);
    this.#memory.take(16 * items.length);
    for (const item of items) list.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof Dict) || items.length % 2 !== 0) {
      throw this.#refused(`puts keys and values into ${kindOf(dict)}`);
    }
    this.#memory.take(48 * items.length);
    for (let at = 0; at < items.length; at += 2) {
      dict.entries.set(items[at] as PickleValue, items[at + 1] as PickleValue);
    }
  }

  /** @param at place in the memo; by default the next one */
  remember(at = this.#memo.size): void {
    this.#memory.take(40);
    this.#memo.set(at, this.top());
  }

  recall(at: number): void {
    const value = this.#memo.get(at);
    if (value === undefined) throw this.#refused("recalls what it did not remember");
    this.push(value);
  }

  #require(count: number): void {
    if (this.#values.length - count < (this.#marks.at(-1) ?? 0)) throw this.#refused("takes from an empty stack");
  }
}
