// Reads the reference values beside this file.

import { readFileSync } from "node:fs";

export function reference<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")) as T;
}
