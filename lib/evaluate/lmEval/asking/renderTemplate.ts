// Templates of tasks, as lm-evaluation-harness renders them: jinja2 without trimming, with StrictUndefined and a filter
// regex_replace.

import { RetemperError } from "../../../errors.js";
import { Budget } from "../../../tokenizer/chat/budget.js";
import { Template, type TemplateStyle } from "../../../tokenizer/jinja/template.js";
import { withSignature } from "../../../tokenizer/jinja/values/bindArguments.js";
import { PythonError } from "../../../tokenizer/jinja/values/pythonError.js";
import { isText, textOf, type Value } from "../../../tokenizer/jinja/values/value.js";
import { PythonRegex } from "../python/pythonRegex.js";

/** Of `strftime_now`, which no task should ask for. */
const DAY = new Date(Date.UTC(2024, 6, 26));

const regexReplace = withSignature(
  "regex_replace",
  "string, pattern, repl, count?",
  (run, text, pattern, by, count) => {
    const [whole, expression, replacement] = [text, pattern, by].map((value) => {
      if (value !== undefined && isText(value)) return textOf(value);
      throw new PythonError("TypeError", "regex_replace takes texts");
    }) as [string, string, string];
    const { budget } = run;
    budget.spendOn(whole.length + replacement.length);
    // before it is made: a short template could ask for more than there is memory
    const allow = (characters: number) => budget.allow(characters);
    return budget.text(new PythonRegex(expression).replace(whole, replacement, Number(count ?? 0), allow));
  },
);

const STYLE: TemplateStyle = {
  trims: false,
  keepsLastBreak: true,
  strict: true,
  filters: new Map([["regex_replace", regexReplace]]),
};

export class TaskTemplates {
  readonly #file: string;
  readonly #known = new Map<string, Template>();

  /** @param file where the templates stand, for messages */
  constructor(file: string) {
    this.#file = file;
  }

  /** @throws RetemperError BAD_INPUT that names the row and what is wrong with the template */
  render(template: string, document: Readonly<Record<string, unknown>>): string {
    const budget = new Budget(this.#file);
    try {
      const known = this.#known.get(template) ?? new Template(template, budget, STYLE);
      this.#known.set(template, known);
      return known.render(document, DAY, budget);
    } catch (cause) {
      if (cause instanceof RetemperError) throw cause;
      const kind = cause instanceof PythonError ? `${cause.kind}: ` : "";
      const begin = JSON.stringify(template.length > 60 ? `${template.slice(0, 60)}…` : template);
      throw new RetemperError("BAD_INPUT", `the template ${begin} fails: ${kind}${(cause as Error).message}`, {
        file: this.#file,
        hint: `do the rows have the columns that it names? These have ${Object.keys(document).join(", ")}`,
        cause,
      });
    }
  }

  /** `str(value)` of Python. */
  text(value: unknown): string {
    return typeof value === "string" ? value : this.render("{{ value }}", { value: value as Value });
  }
}
