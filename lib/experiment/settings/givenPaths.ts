// Where a value of a mended experiment stood as it was given: keys were renamed since, and entries of lists taken out.

import type { Path } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";

export class GivenPaths {
  /** By the given path that a mended one is of. */
  readonly #keys = new Map<string, string>();
  /** By the given path of a list: the given place of each entry that is left. */
  readonly #entries = new Map<string, number[]>();

  /** The path as it was given. */
  readonly of = (path: Path): Path => {
    const given: PropertyKey[] = [];
    for (const part of path) {
      if (typeof part === "number") given.push(this.#entries.get(pathText(given))?.[part] ?? part);
      else given.push(this.#keys.get(pathText([...given, part])) ?? part);
    }
    return given;
  };

  rename(parent: Path, from: string, to: string): void {
    this.#keys.set(pathText([...this.of(parent), to]), from);
  }

  /** @param length of the list, before the entry is taken out */
  remove(list: Path, entry: number, length: number): void {
    const name = pathText(this.of(list));
    const places = this.#entries.get(name) ?? Array.from({ length }, (_, at) => at);
    this.#entries.set(
      name,
      places.filter((_, at) => at !== entry),
    );
  }
}
