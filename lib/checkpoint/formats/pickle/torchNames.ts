// The names that a pickle of torch's may mention, and what a call of each means: tensors as views of storages, containers, and
// what goes with them. A table of ours: torch's functions are described in torch/_utils.py, and none of them is called.

import { BYTES, DTYPES, STORAGES, type TorchDtype, UNTYPED_STORAGES } from "./torchDtypes.js";
import type { PickleNames } from "./unpickle.js";
import { Dict, Global, type PickleValue, Storage, Tuple, View } from "./values.js";

type Call = (args: readonly PickleValue[]) => PickleValue | undefined;

const TENSOR_TYPES: ReadonlySet<string> = new Set([
  "torch.Tensor",
  "torch._tensor.Tensor",
  "torch.nn.parameter.Parameter",
  "torch.nn.Parameter",
]);

const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["collections.OrderedDict", orderedDict],
  // (storage, offset, size, stride), then (requires_grad, backward_hooks), then what each version adds
  ["torch._utils._rebuild_tensor", (args) => (args.length === 4 ? typedView(args) : undefined)],
  ["torch._utils._rebuild_tensor_v2", (args) => (plainMetadata(args[6]) ? typedView(args) : undefined)],
  ["torch._utils._rebuild_tensor_v3", (args) => (plainMetadata(args[7]) ? viewOfDtype(args) : undefined)],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch._utils._rebuild_parameter_with_state", parameter],
  ["torch._tensor._rebuild_from_type_v2", ofType],
  ["torch.Size", ([size]) => (size instanceof Tuple ? size : undefined)],
  ["torch.device", ([name]) => (typeof name === "string" ? name : undefined)],
  ...["builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset"].map((name): [string, Call] => [
    name,
    ([items]) => (Array.isArray(items) ? items : undefined),
  ]),
]);

export const torchNames: PickleNames = {
  isKnown: (name) =>
    CALLS.has(name) || STORAGES.has(name) || UNTYPED_STORAGES.has(name) || DTYPES.has(name) || TENSOR_TYPES.has(name),
  call: (name, args) => CALLS.get(name)?.(args),
  persistent: storageOf,
};

/** ("storage", class, key, device, elements), and in the older format a sixth: None, or a part of it (key, first, elements). */
function storageOf(id: PickleValue): Storage | undefined {
  if (!(id instanceof Tuple)) return undefined;
  const [kind, type, key, device, count, part = null] = id.items;
  if (kind !== "storage" || !(type instanceof Global) || typeof device !== "string" || !isCount(count))
    return undefined;
  if (typeof key !== "string" || !/^\w{1,100}$/.test(key)) return undefined;
  const untyped = UNTYPED_STORAGES.has(type.name);
  const dtype = untyped ? BYTES : STORAGES.get(type.name);
  if (!dtype) return undefined;
  if (part === null) return new Storage({ key, dtype, untyped, first: 0, count, whole: count });
  if (!(part instanceof Tuple)) return undefined;
  const [, first, elements] = part.items;
  if (!isCount(first) || !isCount(elements) || first + elements > count) return undefined;
  return new Storage({ key, dtype, untyped, first, count: elements, whole: count });
}

function typedView(args: readonly PickleValue[]): View | undefined {
  const [storage] = args;
  return storage instanceof Storage && !storage.untyped ? view(storage, storage.dtype, args) : undefined;
}

function viewOfDtype(args: readonly PickleValue[]): View | undefined {
  const [storage, , , , , , name] = args;
  const dtype = name instanceof Global ? DTYPES.get(name.name) : undefined;
  return storage instanceof Storage && storage.untyped && dtype ? view(storage, dtype, args) : undefined;
}

/** A view, once every element of it is known to lie in its storage. */
function view(storage: Storage, dtype: TorchDtype, args: readonly PickleValue[]): View | undefined {
  const [, offset, size, stride] = args;
  const shape = countsOf(size);
  const strides = countsOf(stride);
  if (!isCount(offset) || !shape || !strides || shape.length !== strides.length) return undefined;
  const room = Math.floor((storage.count * storage.dtype.bytes) / dtype.bytes);
  let elements = 1;
  let last = offset;
  for (const [at, length] of shape.entries()) {
    elements *= length;
    last += (length - 1) * (strides[at] as number);
  }
  const inside = shape.includes(0) ? offset <= room : last < room;
  // numbers beyond 2^53 are no longer exact, and say that there is no such tensor
  if (!inside || !Number.isSafeInteger(elements * dtype.bytes)) return undefined;
  return new View(storage, dtype, { offset, shape, strides });
}

function parameter([tensor]: readonly PickleValue[]): View | undefined {
  return tensor instanceof View ? tensor : undefined;
}

/** A tensor with attributes: (function, type, arguments, state). */
function ofType([callee, type, args]: readonly PickleValue[]): PickleValue | undefined {
  const known = callee instanceof Global && callee.name.startsWith("torch._utils._rebuild_");
  if (!known || !(type instanceof Global) || !TENSOR_TYPES.has(type.name) || !(args instanceof Tuple)) return undefined;
  return CALLS.get(callee.name)?.(args.items);
}

/** Empty, or from pairs, as Python 2 wrote them. */
function orderedDict([pairs, ...more]: readonly PickleValue[]): Dict | undefined {
  const made = new Dict();
  if (pairs === undefined) return made;
  if (!Array.isArray(pairs) || more.length > 0) return undefined;
  for (const pair of pairs) {
    const [key, value, ...others] = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (key === undefined || value === undefined || others.length > 0) return undefined;
    made.entries.set(key, value);
  }
  return made;
}

/** Metadata of a tensor tells of views that negate or conjugate: their bytes are not their values. */
function plainMetadata(metadata: PickleValue | undefined): boolean {
  return metadata === undefined || metadata === null || (metadata instanceof Dict && metadata.entries.size === 0);
}

function countsOf(value: PickleValue | undefined): readonly number[] | undefined {
  const items = value instanceof Tuple ? value.items : undefined;
  return items && items.length <= 64 && items.every(isCount) ? (items as readonly number[]) : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
