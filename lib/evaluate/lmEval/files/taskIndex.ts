// The tasks, groups and tags of a folder of lm-evaluation-harness by their names. There are 14,000 files, so that a name's own
// folder is looked at first, and only the lines that name something are read of each.

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

/** What a name means. */
export type Named =
  | { readonly kind: "task" | "group"; readonly file: string }
  /** Tasks by their names. */
  | { readonly kind: "tag"; readonly tasks: readonly string[] };

/** Files that are read at once. */
const AT_ONCE = 32;

export class TaskIndex {
  readonly root: string;
  #names = new Map<string, { readonly kind: "task" | "group"; readonly file: string }>();
  #tags = new Map<string, Set<string>>();
  #files: readonly string[] | undefined;
  readonly #read = new Set<string>();

  constructor(root: string) {
    this.root = root;
  }

  async find(name: string): Promise<Named | undefined> {
    const known = this.#names.get(name);
    if (known) return known;
    this.#files ??= await yamlFiles(this.root);
    const files = this.#files;
    const near = files.filter((file) => isNear(relative(this.root, file), name));
    await this.#readAll(near);
    if (!this.#names.has(name)) await this.#readAll(files);
    const found = this.#names.get(name);
    if (found) return found;
    const tasks = this.#tags.get(name);
    return tasks && { kind: "tag", tasks: [...tasks].sort() };
  }

  /** Names that begin alike, for messages. */
  like(name: string): string[] {
    const start = name.slice(0, 4);
    return [...this.#names.keys()].filter((one) => one.startsWith(start)).slice(0, 8);
  }

  async #readAll(files: readonly string[]): Promise<void> {
    const wanted = files.filter((file) => !this.#read.has(file));
    for (let start = 0; start < wanted.length; start += AT_ONCE) {
      const part = wanted.slice(start, start + AT_ONCE);
      const texts = await Promise.all(part.map((file) => readFile(file, "utf8").catch(() => "")));
      // in the files' order, so that of two tasks of one name the first counts
      part.forEach((file, at) => {
        this.#read.add(file);
        this.#take(file, texts[at] as string);
      });
    }
  }

  #take(file: string, text: string): void {
    const group = valuesOf(text, "group")[0];
    const task = valuesOf(text, "task")[0];
    const name = group ?? task;
    if (name === undefined) return;
    if (!this.#names.has(name)) this.#names.set(name, { kind: group === undefined ? "task" : "group", file });
    if (group !== undefined) return;
    for (const tag of valuesOf(text, "tag")) {
      const tasks = this.#tags.get(tag) ?? new Set();
      this.#tags.set(tag, tasks.add(name));
    }
  }
}

/** Whether the file's folder, or its name, begins as the task's name does. */
function isNear(path: string, name: string): boolean {
  const [folder = ""] = path.split(/[\\/]/);
  const word = folder.split(/[-_]/, 1)[0] as string;
  return word !== "" && name.startsWith(word);
}

async function yamlFiles(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  return names
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => join(root, name));
}

/** Values of a key that stands at a line's beginning: one, or the texts of its list. */
function valuesOf(text: string, key: string): string[] {
  const found = new RegExp(`^["']?${key}["']?[ \\t]*:[ \\t]*([^\\n]*(?:\\n(?:[ \\t]*-|[ \\t]+)[^\\n]*)*)`, "m").exec(
    text,
  )?.[1];
  if (found === undefined) return [];
  const lines = found.split("\n").map((line) => line.replace(/(^|\s)#.*/, "").trim());
  const [first = "", ...others] = lines;
  const list =
    first === "" ? others.map((line) => line.replace(/^-\s*/, "")) : first.replace(/^\[|\]$/g, "").split(",");
  return list.map((value) => value.trim().replace(/^(["'])(.*)\1$/, "$2")).filter((value) => value !== "");
}
