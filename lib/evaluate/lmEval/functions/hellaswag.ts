// HellaSwag: how its rows become a beginning and four endings.

import { capitalize } from "../../../tokenizer/jinja/text/letterCase.js";
import { strip } from "../../metrics/pythonText.js";
import type { BuiltIn, Document } from "./types.js";

/** Titles become sentences, other brackets of WikiHow are left out, and so is one of two spaces. */
function cleaned(text: string): string {
  return strip(text)
    .replaceAll(" [title]", ". ")
    .replace(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");
}

function processed(row: Document): Document {
  const context = `${row.ctx_a} ${capitalize(String(row.ctx_b))}`;
  return {
    ...row,
    query: cleaned(`${row.activity_label}: ${context}`),
    choices: (row.endings as readonly string[]).map(cleaned),
    gold: Number(row.label),
  };
}

export const HELLASWAG: Readonly<Record<string, BuiltIn>> = {
  "hellaswag/utils.process_docs": {
    sha256: "07d23b60b28f2a4f658dcf8440623a63fe6644854ce9b846a114dde980dc1214",
    documents: (rows) => rows.map(processed),
  },
};
