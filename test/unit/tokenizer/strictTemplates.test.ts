// Templates of tasks, in which what is not there may only be asked whether it is defined. What is expected is what jinja2 3.1 gives
// with StrictUndefined; test/differential/templates asks it for random templates.

import { describe, expect, it } from "vitest";
import { renderCase } from "../../differential/templates/renderCase.js";

const outcome = (template: string) => {
  const { text, error, message } = renderCase({ template, variables: { known: [1, 2], some: { a: 1 } } }, true);
  return text ?? `${error}: ${message}`;
};

describe("what is not there, in a strict template", () => {
  it.each([
    "{{ missing }}",
    "{{ missing == 1 }}",
    "{{ 1 == missing }}",
    "{{ missing != none }}",
    "{{ missing == missing }}",
    "{{ [missing] == [1] }}",
    "{{ 'x' if missing is eq('x') }}",
    "{{ 'x' if missing is ne('x') }}",
    "{{ missing in known }}",
    "{{ missing in some }}",
    "{{ 1 in missing }}",
    "{{ {missing: 1} }}",
    "{{ [missing] | unique | list }}",
    "{{ known | select('eq', missing) | list }}",
    "{% if missing %}{% endif %}",
    "{% for one in missing %}{% endfor %}",
  ])("is an error where it is used: %s", (template) => {
    expect(outcome(template)).toBe("UndefinedError: 'missing' is undefined");
  });

  it.each([
    ["{{ missing is defined }}", "False"],
    ["{{ missing is undefined }}", "True"],
    ["{{ missing is none }}", "False"],
    ["{{ missing is sequence }}", "False"],
    ["{{ missing | default('x') }}", "x"],
    ["{{ [missing] == [] }}", "False"],
    ["{{ missing in [] }}", "False"],
    ["{{ some.b is defined }}", "False"],
    ["{{ known == [1, 2] }}", "True"],
    // what an if without else gives is no name that is not there
    ["[{{ 'x' if not known }}]", "[]"],
    ["{{ ('x' if not known) == 'x' }}", "False"],
  ])("may be asked for and replaced: %s", (template, text) => {
    expect(outcome(template)).toBe(text);
  });

  it("is equal to what is not there elsewhere, where templates are not strict", () => {
    expect(renderCase({ template: "{{ missing == other }} {{ missing in [1] }}", variables: {} }).text).toBe(
      "True False",
    );
  });
});
