// What a pickle of weights is made of here: plain data. No class, no function and no code of the file becomes anything.

import type { TorchDtype } from "./torchDtypes.js";

/** A name that a pickle mentions, and nothing more: it is looked up in a table of ours, never in a module. */
export class Global {
  readonly name: string;

  /** @param name with its module: "torch._utils._rebuild_tensor_v2" */
  constructor(name: string) {
    this.name = name;
  }
}

export class Tuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A dict or OrderedDict; its entries have the file's order. */
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** Elements that lie one after the other in the file, under a key that says where. */
export class Storage {
  readonly key: string;
  /** What the pickle says of its elements; "U8" where a storage has no type of its own. */
  readonly dtype: TorchDtype;
  readonly untyped: boolean;
  /** First element, counted from the start of what `key` names. */
  readonly first: number;
  readonly count: number;
  /** Elements of all that `key` names, where this is a part of it. */
  readonly whole: number;

  constructor(o: {
    readonly key: string;
    readonly dtype: TorchDtype;
    readonly untyped: boolean;
    readonly first: number;
    readonly count: number;
    readonly whole: number;
  }) {
    this.key = o.key;
    this.dtype = o.dtype;
    this.untyped = o.untyped;
    this.first = o.first;
    this.count = o.count;
    this.whole = o.whole;
  }
}

/** A view of a storage: element (i, j, …) is the storage's element `offset` + i `strides[0]` + j `strides[1]` + …. */
export class View {
  readonly storage: Storage;
  readonly dtype: TorchDtype;
  /** In elements of `dtype`. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** In elements; 0 repeats one element along a dimension. */
  readonly strides: readonly number[];

  constructor(storage: Storage, dtype: TorchDtype, place: Pick<View, "offset" | "shape" | "strides">) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = place.offset;
    this.shape = place.shape;
    this.strides = place.strides;
  }
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | Tuple
  | Dict
  | Global
  | Storage
  | View;

/** What a value is, for messages. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Global) return value.name;
  if (value instanceof Tuple) return "a tuple";
  if (value instanceof Dict) return "a dict";
  if (value instanceof View) return "a tensor";
  if (value instanceof Storage) return "a storage";
  if (value instanceof Uint8Array) return "bytes";
  return typeof value === "string" ? "a text" : typeof value === "boolean" ? "a truth value" : "a number";
}
