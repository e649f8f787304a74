// What makes a text safe in HTML.

import { toText } from "../values/textValue.js";
import { Markup, type Run, type Value } from "../values/value.js";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  ">": "&gt;",
  "<": "&lt;",
  "'": "&#39;",
  '"': "&#34;",
};

/** `escape(value)`: a text that is marked safe stays as it is. */
export function escapeHtml(run: Run, value: Value): Markup {
  if (value instanceof Markup) return value;
  const text = toText(run, value);
  return new Markup(run.budget.text(text.replace(/[&<>'"]/g, (character) => ENTITIES[character] as string)));
}
