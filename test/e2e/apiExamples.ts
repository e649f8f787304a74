// The examples of the API reference: the @example of each function that the package exports, as its comment has it.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "./command.js";

export interface ApiExample {
  /** Of the function. */
  readonly name: string;
  /** "lib/merge/merge.ts". */
  readonly file: string;
  /** undefined: its comment has none. */
  readonly code: string | undefined;
  /** What its lines print, by the comments behind console.log(…). None: it needs what is not here, and is only compiled. */
  readonly prints: readonly string[];
}

/** The functions that the files of lib/entries export, in the order of the entries. */
export function apiExamples(): ApiExample[] {
  const folder = join(root, "lib/entries");
  const all = readdirSync(folder).flatMap((entry) => {
    const text = readFileSync(join(folder, entry), "utf8");
    return [...text.matchAll(/export \{([^}]*)\} from "([^"]+)"/g)].flatMap(([, names = "", from = ""]) => {
      const path = join(folder, from).replace(/\.js$/, ".ts");
      const source = readFileSync(path, "utf8");
      const values = names.split(",").map((name) => name.trim());
      return values.flatMap((name) => {
        const start = source.search(new RegExp(`^export (async )?function\\*? ${name}\\b`, "m"));
        if (name === "" || name.startsWith("type ") || start < 0) return [];
        const code = exampleIn(commentBefore(source, start));
        return [{ name, file: relative(root, path), code, prints: printedBy(code ?? "") }];
      });
    });
  });
  // one that two entries export is one
  return [...new Map(all.map((example) => [`${example.file} ${example.name}`, example])).values()];
}

/** The comment that ends where a declaration starts, without its stars. */
function commentBefore(source: string, start: number): string {
  const before = source.slice(0, start);
  if (!/\*\/\s*$/.test(before)) return "";
  return before.slice(before.lastIndexOf("/**")).replace(/^ \* ?/gm, "");
}

function exampleIn(comment: string): string | undefined {
  return /^@example\n```ts\n([\s\S]*?)^```$/m.exec(comment)?.[1];
}

function printedBy(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text = ""]) => text);
}
