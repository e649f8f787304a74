// Renders a case of reference.py (a line of JSON) and says what came out, in the same form.

import { Budget } from "../../../lib/tokenizer/chat/budget.js";
import { TEMPLATE_DATE } from "../../../lib/tokenizer/chat/chatTemplate.js";
import { Template } from "../../../lib/tokenizer/jinja/template.js";
import { PythonError } from "../../../lib/tokenizer/jinja/values/pythonError.js";
import { Float } from "../../../lib/tokenizer/jinja/values/value.js";

export interface Outcome {
  readonly text?: string;
  /** The name of the error's class in Python. */
  readonly error?: string;
  readonly message?: string;
}

export interface TemplateCase extends Outcome {
  readonly template: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Kinds whose messages are the same too: those that say what was missing, and those that the template itself raises. */
const SAME_WORDS = new Set(["UndefinedError", "TemplateError"]);

/** Floats and large integers, which JSON does not tell from others, come as objects. */
function values(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(values);
  if (typeof data !== "object" || data === null) return data;
  const { $float, $int } = data as { $float?: string; $int?: string };
  if ($float !== undefined) return new Float(Number($float));
  if ($int !== undefined) return BigInt($int);
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, values(value)]));
}

/** @param strict whether what is not there may only be asked whether it is defined */
export function renderCase({ template, variables }: TemplateCase, strict = false): Outcome {
  const budget = new Budget("a template");
  try {
    const style = { trims: true, keepsLastBreak: false, strict };
    const text = new Template(template, budget, style).render(
      values(variables) as Record<string, unknown>,
      TEMPLATE_DATE,
      budget,
    );
    return { text };
  } catch (error) {
    const { message, name } = error as Error;
    return { error: error instanceof PythonError ? error.kind : name, message };
  }
}

/** What differs between Python's outcomes and ours, a line each. */
export function differences(cases: readonly TemplateCase[], strict = false): string[] {
  return cases.flatMap((one) => {
    const ours = renderCase(one, strict);
    const same = ours.text === one.text && ours.error === one.error;
    if (same && (!SAME_WORDS.has(one.error ?? "") || ours.message === one.message)) return [];
    return [`${JSON.stringify(one)}: ${JSON.stringify(ours)}`];
  });
}
