// A Jinja template as jinja2 renders it in the sandbox that transformers sets up for chat templates. It is an
// untrusted program: everything that it does is counted, and it ends with an error where it would not end by itself.

import type { Budget } from "../chat/budget.js";
import { compileTemplate, type Render } from "./compile/compileTemplate.js";
import { fromPlain } from "./fromPlain.js";
import { globals } from "./globals.js";
import { LIBRARY } from "./library.js";
import type { Run } from "./values/value.js";

export class Template {
  readonly #render: Render;

  /**
   * @param text The template.
   * @param budget What reading it may take.
   * @throws PythonError TemplateSyntaxError and the like for a text that is no template.
   */
  constructor(text: string, budget: Budget) {
    this.#render = compileTemplate(text, budget);
  }

  /**
   * @param variables Plain data by name.
   * @param date The day for `strftime_now`.
   * @param budget What rendering may take.
   * @throws PythonError for whatever is an error in Python, with the name of its class; RetemperError beyond the budget.
   */
  render(variables: Readonly<Record<string, unknown>>, date: Date, budget: Budget): string {
    const run: Run = { budget, ...LIBRARY };
    const values = globals(date);
    for (const [name, value] of Object.entries(variables)) values.set(name, fromPlain(run, value));
    return this.#render(run, values);
  }
}
