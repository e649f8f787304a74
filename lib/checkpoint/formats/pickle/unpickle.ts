// Python's pickle as data. A pickle is a program for a small machine with a stack; this one has its instructions for
// containers, numbers and texts, and no others: it knows no module, calls nothing, and sets no attribute. A name that is not
// in the caller's table ends it, and so does a call of anything that is not a name.
//
// Opcodes: CPython's Lib/pickletools.py describes each. Protocols 0 to 5.

import { RetemperError } from "../../../errors.js";
import { PickleBytes } from "./pickleBytes.js";
import { placeOf } from "./pickleLine.js";
import { pushLiteral } from "./pickleLiterals.js";
import { PickleStack } from "./pickleStack.js";
import { Dict, Global, kindOf, type PickleValue, Tuple } from "./values.js";

/** What the machine asks of those who know torch's files. */
export interface PickleNames {
  /** Whether a pickle may mention a name. */
  isKnown(name: string): boolean;
  /** What a call of a known name gives; undefined where it is not called so. Runs nothing of the file. */
  call(name: string, args: readonly PickleValue[]): PickleValue | undefined;
  /** What lies outside of the pickle (storages); undefined where the id is none of torch's. */
  persistent(id: PickleValue): PickleValue | undefined;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** Where the pickle ended, and what follows begins. */
  readonly end: number;
}

/** About what a tensor, a storage or a container takes. */
const OBJECT = 200;

const HINT =
  "Nothing of it was run. Load the checkpoint where you trust it, and save it as safetensors (save_pretrained does so).";

/**
 * Reads one pickle.
 * @param file for messages
 * @throws RetemperError BAD_INPUT that names what is asked for and not known; CutOff where the bytes end first
 */
export function unpickle(bytes: Buffer, start: number, names: PickleNames, file: string): Unpickled {
  const input = new PickleBytes(bytes, start);
  const machine = new Machine(input, names, file);
  while (!machine.step());
  return { value: machine.result(), end: input.at };
}

class Machine {
  readonly #input: PickleBytes;
  readonly #names: PickleNames;
  readonly #file: string;
  readonly #stack: PickleStack;
  #at = 0;

  constructor(input: PickleBytes, names: PickleNames, file: string) {
    this.#input = input;
    this.#names = names;
    this.#file = file;
    this.#stack = new PickleStack(file, this.#refusal);
  }

  result(): PickleValue {
    return this.#stack.last();
  }

  /** One instruction; true at the last one. */
  step(): boolean {
    this.#at = this.#input.at;
    const opcode = String.fromCharCode(this.#input.u8());
    if (opcode === ".") return true;
    if (pushLiteral(opcode, this.#input, this.#stack, this.#refusal) || this.#container(opcode) || this.#known(opcode))
      return false;
    const code = opcode.charCodeAt(0);
    const shown = code > 0x20 && code < 0x7f ? `"${opcode}"` : `0x${code.toString(16).padStart(2, "0")}`;
    throw this.#refused(`has the instruction ${shown}, which no file of weights needs`);
  }

  /** Containers, the stack and the memo. */
  #container(opcode: string): boolean {
    const [input, stack] = [this.#input, this.#stack];
    switch (opcode) {
      case "(":
        stack.mark();
        return true;
      case ")":
        stack.pushTuple([]);
        return true;
      case "\x85": // TUPLE1, 2, 3
      case "\x86":
      case "\x87":
        stack.pushTuple(stack.popSome(opcode.charCodeAt(0) - 0x84));
        return true;
      case "t":
        stack.pushTuple(stack.popMarked());
        return true;
      case "]":
      case "\x8f": // EMPTY_SET
        stack.pushList([]);
        return true;
      case "l":
      case "\x91": // FROZENSET
        stack.pushList(stack.popMarked());
        return true;
      case "}":
        stack.pushDict([]);
        return true;
      case "d":
        stack.pushDict(stack.popMarked());
        return true;
      case "a":
        stack.append([stack.pop()]);
        return true;
      case "e":
      case "\x90": // ADDITEMS
        stack.append(stack.popMarked());
        return true;
      case "s":
        stack.setItems(stack.popSome(2));
        return true;
      case "u":
        stack.setItems(stack.popMarked());
        return true;
      case "0":
        stack.drop();
        return true;
      case "1":
        stack.popMarked();
        return true;
      case "2":
        stack.push(stack.top());
        return true;
      case "p":
        stack.remember(this.#place());
        return true;
      case "q":
        stack.remember(input.u8());
        return true;
      case "r":
        stack.remember(input.u32());
        return true;
      case "\x94": // MEMOIZE
        stack.remember();
        return true;
      case "g":
        stack.recall(this.#place());
        return true;
      case "h":
        stack.recall(input.u8());
        return true;
      case "j":
        stack.recall(input.u32());
        return true;
      default:
        return false;
    }
  }

  /** The frame of a pickle, names, and calls of names that are known. */
  #known(opcode: string): boolean {
    const [input, stack] = [this.#input, this.#stack];
    switch (opcode) {
      case "\x80": // PROTO
        if (input.u8() > 5) throw this.#refused("is of a newer protocol than 5");
        stack.pay(8);
        return true;
      case "\x95": // FRAME
        input.u64();
        stack.pay(8);
        return true;
      case "c": // GLOBAL
        stack.push(this.#named(input.line(), input.line()), 64);
        return true;
      case "\x93": {
        const [module, name] = stack.popSome(2); // STACK_GLOBAL
        stack.push(this.#named(module, name), 64);
        return true;
      }
      case "R": // REDUCE, NEWOBJ
      case "\x81": {
        const [callee, args] = stack.popSome(2);
        stack.push(this.#called(callee, args), OBJECT);
        return true;
      }
      case "i": {
        const callee = this.#named(input.line(), input.line()); // INST
        stack.push(this.#called(callee, new Tuple(stack.popMarked())), OBJECT);
        return true;
      }
      case "o": {
        const [callee, ...args] = stack.popMarked(); // OBJ
        stack.push(this.#called(callee, new Tuple(args)), OBJECT);
        return true;
      }
      case "b":
        this.#build();
        return true;
      case "Q": {
        const found = this.#names.persistent(stack.pop()); // BINPERSID
        if (found === undefined) throw this.#refused("refers to something outside of it that is no storage of torch's");
        stack.push(found, OBJECT);
        return true;
      }
      default:
        return false;
    }
  }

  /** @throws for every name that is not in the table: this is what makes code of a pickle a message. */
  #named(module: PickleValue | undefined, name: PickleValue | undefined): Global {
    if (typeof module !== "string" || typeof name !== "string") throw this.#refused("names something without a name");
    const full = `${module}.${name}`;
    if (this.#names.isKnown(full)) return new Global(full);
    // short, and without what moves a cursor
    const shown = full.replace(/[^\x20-\x7e]/g, "?").slice(0, 120);
    throw this.#refused(`asks for ${shown}, which is not of tensors and containers`);
  }

  #called(callee: PickleValue | undefined, args: PickleValue | undefined): PickleValue {
    if (!(callee instanceof Global) || !(args instanceof Tuple)) throw this.#refused(`calls ${kindOf(callee)}`);
    const made = this.#names.call(callee.name, args.items);
    if (made === undefined) throw this.#refused(`calls ${callee.name} with what it is not called with`);
    return made;
  }

  /** The state of an OrderedDict (its `_metadata`) is of no tensor; no other object gets one. */
  #build(): void {
    const state = this.#stack.pop();
    const object = this.#stack.top();
    if (object instanceof Dict && (state === null || state instanceof Dict || state instanceof Tuple)) return;
    throw this.#refused(`sets the state of ${kindOf(object)}`);
  }

  #place(): number {
    const place = placeOf(this.#input.line());
    if (place === undefined) throw this.#refused("has a place of its memo that is none");
    return place;
  }

  readonly #refusal = (what: string) => this.#refused(what);

  #refused(what: string): RetemperError {
    return new RetemperError("BAD_INPUT", `the pickle ${what} (byte ${this.#at})`, { file: this.#file, hint: HINT });
  }
}
