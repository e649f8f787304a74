// Mutates JSON at random, by a seed: values in other places and of other kinds, keys that are special, numbers at every edge,
// and bytes. What comes of it is looked at by mutatedFiles.test.ts.

/** Numbers in [0, 1): Marsaglia's xorshift32. */
export function generator(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const deep = (levels: number): Json => {
  let value: Json = [];
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { x: value };
  return value;
};

const ODD: readonly (() => Json)[] = [
  () => null,
  () => true,
  () => false,
  () => 0,
  () => -1,
  () => 1,
  () => 3,
  () => 0.5,
  () => -0.5,
  () => 1e308,
  () => 2 ** 31,
  () => 2 ** 32 + 1,
  () => 2 ** 53,
  () => 1e6,
  () => "",
  () => "x",
  () => "1",
  () => "null",
  () => "../../../etc/passwd",
  () => "a\0b",
  () => "\u001b[31m\u202e",
  () => "\ud800",
  () => "(a+)+$",
  () => "[",
  () => "x".repeat(100_000),
  () => "\u00e9\u{1f600}".repeat(1000),
  () => [],
  () => ({}),
  () => [null],
  () => [[]],
  () => [1, "a", {}, [], null],
  () => Array.from({ length: 2000 }, (_, i) => i),
  () => Array.from({ length: 300 }, () => "x"),
  () => ({ type: "x" }),
  () => ({ type: "Sequence" }),
  () => ({ __proto__x: 1, constructor: 2, toString: 3, hasOwnProperty: 4, length: -1 }),
  () => Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, i])),
  () => deep(40),
  () => deep(1200),
];

const KEYS = ["__proto__", "constructor", "prototype", "toString", "length", "", "0", "-1", "type", "x".repeat(5000)];

/** Every place of a value: the path of keys to it. */
function places(value: Json, path: readonly string[] = [], found: (readonly string[])[] = []): (readonly string[])[] {
  found.push(path);
  // Of long lists and maps some are enough, so that the other places are met as often.
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value);
    const some = keys.length > 12 ? [...keys.slice(0, 6), ...keys.slice(-2)] : keys;
    for (const key of some) places((value as Record<string, Json>)[key] as Json, [...path, key], found);
  }
  return found;
}

/** The text of a JSON value after one to four mutations. */
export function mutateJson(text: string, random: () => number): string {
  const below = (bound: number) => Math.floor(random() * bound);
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T;
  if (below(6) === 0) return mutateText(text, random);
  const root = { root: JSON.parse(text) as Json };
  for (let i = 1 + below(4); i > 0; i--) {
    const path = ["root", ...pick(places(root.root))];
    let holder: Record<string, Json> = root as unknown as Record<string, Json>;
    for (const key of path.slice(0, -1)) holder = holder[key] as unknown as Record<string, Json>;
    const key = path.at(-1) as string;
    const action = below(8);
    if (action < 5) holder[key] = pick(ODD)();
    else if (action === 5 && path.length > 1) delete holder[key];
    else if (action === 6) {
      const other = pick(places(root.root)).reduce<Json>(
        (value, step) => (value as Record<string, Json>)[step] as Json,
        root.root,
      );
      holder[key] = JSON.parse(JSON.stringify(other)) as Json; // what is repeated would be an alias
    } else if (typeof holder[key] === "object" && holder[key] !== null && !Array.isArray(holder[key])) {
      Object.defineProperty(holder[key], pick(KEYS), {
        ...{ value: pick(ODD)(), enumerable: true, configurable: true, writable: true },
      });
    }
    if (typeof root.root !== "object" || root.root === null) break;
  }
  return JSON.stringify(root.root) ?? "null";
}

/** Cuts, doubles and overwrites pieces of a text. */
export function mutateText(text: string, random: () => number): string {
  const below = (bound: number) => Math.floor(random() * bound);
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    "\\u0000",
    "\0",
    "\ufeff",
    "NaN",
    "1e999",
    "-",
    "//",
    "'",
    "\n",
    "[".repeat(5000),
  ];
  let mutated = text;
  for (let i = 1 + below(3); i > 0; i--) {
    const at = below(mutated.length + 1);
    const end = Math.min(mutated.length, at + below(20));
    const action = below(4);
    if (action === 0) mutated = mutated.slice(0, at);
    else if (action === 1) mutated = mutated.slice(0, at) + mutated.slice(end);
    else if (action === 2) mutated = mutated.slice(0, end) + mutated.slice(at);
    else mutated = mutated.slice(0, at) + pieces[below(pieces.length)] + mutated.slice(at);
  }
  return mutated;
}
