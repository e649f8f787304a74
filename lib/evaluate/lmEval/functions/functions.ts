// The functions that tasks name (`!function utils.process_docs`). No Python is run: each is one of ours, for the file of
// lm-evaluation-harness that it stands in; a function that only gives data is read as data.

import { createHash } from "node:crypto";
import { RetemperError } from "../../../errors.js";
import { readTextAtMost } from "../../../files/readAtMost.js";
import type { FunctionName } from "../files/readTaskFile.js";
import { unsupported } from "../files/taskConfig.js";
import { LiteralError, readLiteral } from "../python/literal.js";
import { BUILT_INS } from "./builtIns.js";
import type { BuiltIn, Document } from "./types.js";

/** The functions that one task may name. */
export class Functions {
  readonly #task: { readonly name: string; readonly file: string };
  readonly #digests = new Map<string, string | undefined>();
  readonly #warned = new Set<string>();

  constructor(task: { readonly name: string; readonly file: string }) {
    this.#task = task;
  }

  /** What to tell the user: Python files that are not those that our functions were made for. */
  get warnings(): string[] {
    return [...this.#warned];
  }

  /** Looks at the Python file beside the task, so that the others need not wait. */
  async look(functions: readonly FunctionName[]): Promise<void> {
    for (const { file } of functions) {
      if (this.#digests.has(file)) continue;
      const text = await readTextAtMost(file, { most: 2 ** 22, what: "a Python file" }).catch(() => undefined);
      this.#digests.set(file, text === undefined ? undefined : createHash("sha256").update(text).digest("hex"));
    }
  }

  documents(name: FunctionName, key: string): NonNullable<BuiltIn["documents"]> {
    return this.#found(name, key, "documents");
  }

  field(name: FunctionName, key: string): NonNullable<BuiltIn["field"]> {
    return this.#found(name, key, "field");
  }

  results(name: FunctionName, key: string): NonNullable<BuiltIn["results"]> {
    return this.#found(name, key, "results");
  }

  metric(name: FunctionName, key: string): NonNullable<BuiltIn["metric"]> {
    return this.#found(name, key, "metric");
  }

  filter(name: FunctionName, key: string): NonNullable<BuiltIn["filter"]> {
    return this.#found(name, key, "filter");
  }

  aggregation(name: FunctionName, key: string): NonNullable<BuiltIn["aggregation"]> {
    return this.#found(name, key, "aggregation");
  }

  /** The list that a function without arguments returns, read from its text. */
  async samples(name: FunctionName, key: string): Promise<readonly Document[]> {
    const text = await readTextAtMost(name.file, { most: 2 ** 22, what: "a Python file" });
    const begin = new RegExp(`^def ${name.name}\\(\\)[^\\n]*:\\s+return(?=[\\s[])`, "m").exec(text);
    try {
      if (!begin) throw new LiteralError("no function that returns a list", 0);
      const { value } = readLiteral(text, begin.index + begin[0].length, true);
      if (Array.isArray(value)) return value as Document[];
      throw new LiteralError("no list", begin.index);
    } catch (cause) {
      if (!(cause instanceof LiteralError)) throw cause;
      throw unsupported(this.#task, key, `!function ${nameOf(name)} (${cause.message})`);
    }
  }

  #found<K extends Exclude<keyof BuiltIn, "sha256">>(
    name: FunctionName,
    key: string,
    kind: K,
  ): NonNullable<BuiltIn[K]> {
    const one = BUILT_INS.get(nameOf(name));
    const found = one?.[kind];
    if (!found) throw unsupported(this.#task, key, `!function ${nameOf(name)}`);
    const digest = this.#digests.get(name.file);
    if (digest === undefined) {
      throw new RetemperError("BAD_INPUT", `${this.#task.name}: ${key} names a file that is not there`, {
        file: name.file,
      });
    }
    if (digest !== one?.sha256) {
      this.#warned.add(
        `${name.file} is not that of lm-eval 0.4.13: its ${name.name} is done as that version does it (${this.#task.name}).`,
      );
    }
    return found as NonNullable<BuiltIn[K]>;
  }
}

/** "hellaswag/utils.process_docs": the folder within the tasks, the file and the function. */
function nameOf({ file, name }: FunctionName): string {
  const parts = file.replace(/\.py$/, "").split(/[\\/]/);
  return `${parts.slice(-2).join("/")}.${name}`;
}
