// A Jinja template as jinja2 renders it, by default in the sandbox that transformers sets up for chat templates. It is an
// untrusted program: everything that it does is counted, and it ends with an error where it would not end by itself.

import type { Budget } from "../chat/budget.js";
import { compileTemplate, type Render } from "./compile/compileTemplate.js";
import { fromPlain } from "./fromPlain.js";
import { globals } from "./globals.js";
import { LIBRARY, type Library } from "./library.js";
import type { WhiteSpace } from "./syntax/lexer.js";
import type { Native, Run } from "./values/value.js";

/** How an environment of jinja2 is set up. */
export interface TemplateStyle extends WhiteSpace {
  /** StrictUndefined: what is not there may only be asked whether it is defined. */
  readonly strict: boolean;
  /** Beside jinja2's own. */
  readonly filters?: ReadonlyMap<string, Native> | undefined;
}

const CHAT: TemplateStyle = { trims: true, keepsLastBreak: false, strict: false };

export class Template {
  readonly #library: Library;
  readonly #render: Render;

  /**
   * @param text The template.
   * @param budget What reading it may take.
   * @param style That of chat templates by default.
   * @throws PythonError TemplateSyntaxError and the like for a text that is no template.
   */
  constructor(text: string, budget: Budget, style: TemplateStyle = CHAT) {
    const { strict, filters } = style;
    const own = filters === undefined ? LIBRARY.filters : new Map([...LIBRARY.filters, ...filters]);
    this.#library = { ...LIBRARY, filters: own, strict };
    this.#render = compileTemplate(text, budget, { library: this.#library, space: style });
  }

  /**
   * @param variables Plain data by name.
   * @param date The day for `strftime_now`.
   * @param budget What rendering may take.
   * @throws PythonError for whatever is an error in Python, with the name of its class; RetemperError beyond the budget.
   */
  render(variables: Readonly<Record<string, unknown>>, date: Date, budget: Budget): string {
    const run: Run = { budget, ...this.#library };
    const values = globals(date);
    for (const [name, value] of Object.entries(variables)) values.set(name, fromPlain(run, value));
    return this.#render(run, values);
  }
}
