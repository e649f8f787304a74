// The path of a value as messages write it.

import type { Path } from "./located.js";

/** `models[0].parameters.weight` */
export function pathText(path: Path): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}
