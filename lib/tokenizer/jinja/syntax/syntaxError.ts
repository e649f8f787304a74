// What is wrong with a template's text.

import { PythonError } from "../values/pythonError.js";

/** @param line Where, from 1 on. */
export function syntaxError(message: string, line: number): PythonError {
  return new PythonError("TemplateSyntaxError", `${message} (line ${line})`);
}

/** What jinja2 finds once a template is parsed, such as filters that do not exist. */
export function assertionError(message: string, line: number): PythonError {
  return new PythonError("TemplateAssertionError", `${message} (line ${line})`);
}
