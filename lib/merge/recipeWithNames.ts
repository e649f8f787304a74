// A recipe as its output's card shows it: with names in place of paths, which mean nothing on other machines.

import { parseAllDocuments, type Scalar, visit } from "yaml";

/**
 * The recipe's text with each value that names a model replaced by its name; the text itself where there is none. Comments stay.
 * @param text a recipe that was read before: its size and nesting are bounded
 * @param names by what the recipe calls a model or an adapter
 */
export function recipeWithNames(text: string, names: ReadonlyMap<string, string>): string {
  let changed = false;
  const documents = [...parseAllDocuments(text)];
  for (const document of documents) {
    visit(document, {
      Scalar(key, node: Scalar) {
        if (key === "key" || typeof node.value !== "string") return;
        const value = named(node.value, names);
        changed ||= value !== node.value;
        node.value = value;
      },
    });
  }
  return changed ? documents.map((document) => document.toString({ lineWidth: 0 })).join("") : text;
}

/** "model:PATH", "PATH@REVISION" and "PATH+ADAPTER" name models too. */
function named(value: string, names: ReadonlyMap<string, string>): string {
  const whole = names.get(value);
  if (whole !== undefined) return whole;
  return value
    .split(/(^model:|[+@])/)
    .map((part) => names.get(part) ?? part)
    .join("");
}
