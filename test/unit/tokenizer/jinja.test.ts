// What chat templates see of Python, where JavaScript would do something else. The expected texts and errors are those of
// jinja2 3.1.6 in the settings of transformers; random templates beside the real one are in test/differential/templates.

import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../../lib/tokenizer/chat/chatTemplate.js";
import type { ChatMessage } from "../../../lib/tokenizer/types.js";
import { renderCase } from "../../differential/templates/renderCase.js";

const render = (template: string, variables: Readonly<Record<string, unknown>> = {}): string => {
  const { text, error, message } = renderCase({ template, variables });
  return text ?? `${error}: ${message}`;
};
const value = (expression: string): string => render(`{{ ${expression} }}`);

/** The parts of Llama 2's template on which its system text depends. */
const LLAMA2 = `{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set turns = messages %}{% set system = false %}{% endif %}{% for turn in turns %}{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + turn['content'] %}{% else %}{% set content = turn['content'] %}{% endif %}{{ '[INST] ' + content + ' [/INST]' }}{% endfor %}`;

describe("a chat template like Llama 2's", () => {
  const written = (...messages: ChatMessage[]): string => new ChatTemplate(LLAMA2, "t", {}).render(messages, false);

  it("keeps its system block where the system text is empty, because '' != false in Python", () => {
    expect(written({ role: "system", content: "" }, { role: "user", content: "Hi" })).toBe(
      "[INST] <<SYS>>\n\n<</SYS>>\n\nHi [/INST]",
    );
  });

  it("has none where there is no system turn", () => {
    expect(written({ role: "user", content: "Hi" })).toBe("[INST] Hi [/INST]");
  });
});

describe("comparisons", () => {
  it.each([
    ["'' != false", "True"],
    ["'' == false", "False"],
    ["0 == false", "True"],
    ["1 == true", "True"],
    ["1 == 1.0", "True"],
    ["'1' == 1", "False"],
    ["none == false", "False"],
    ["none == 0", "False"],
    ["[] == false", "False"],
    ["[1, [2.0]] == [true, [2]]", "True"],
    ["(1, 2) == [1, 2]", "False"],
    ["{'a': 1, 'b': 2} == {'b': 2, 'a': 1.0}", "True"],
    ["missing == missing2", "True"],
    ["missing == none", "False"],
    ["2**53 + 1 == 2.0**53", "False"],
    ["1 < 2 < 3 != 4", "True"],
    ["3 > 2 > 2", "False"],
    ["'a' < 'b' and 'Z' < 'a' and '\\uffff' < '😀'", "True"],
    ["[1, 2] < [1, 3]", "True"],
    ["1 in [true]", "True"],
    ["'' in 'abc' and 'b' not in 'xyz'", "True"],
    ["1.0 in {1: 'x'}", "True"],
    ["none in [0, '', false]", "False"],
  ])("%s is %s", (expression, expected) => {
    expect(value(expression)).toBe(expected);
  });

  it.each([
    ["1 < 'a'", "TypeError: '<' not supported between instances of 'int' and 'str'"],
    ["none >= none", "TypeError: '>=' not supported between instances of 'NoneType' and 'NoneType'"],
    ["1 in 'abc'", "TypeError: 'in <string>' requires string as left operand, not int"],
    ["1 in 5", "TypeError: argument of type 'int' is not iterable"],
    ["[] in {}", "TypeError: unhashable type: 'list'"],
    ["missing < 1", "UndefinedError: 'missing' is undefined"],
    ["{}.a.b", "UndefinedError: 'dict object' has no attribute 'a'"],
  ])("%s is an error", (expression, expected) => {
    expect(value(expression)).toBe(expected);
  });
});

describe("values", () => {
  it.each([
    ["1.0 ~ ' ' ~ 1e16 ~ ' ' ~ 1e-5 ~ ' ' ~ 123456789.0", "1.0 1e+16 1e-05 123456789.0"],
    ["[1, 'a', none, true, 1.5, (2,), {'k': \"it's\"}]", "[1, 'a', None, True, 1.5, (2,), {'k': \"it's\"}]"],
    ["-7 // 2 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7 % -3 ~ ' ' ~ -7.5 // 2", "-4 2 -2 -4.0"],
    ["4 / 2 ~ ' ' ~ 2 ** 3 ** 2 ~ ' ' ~ -2 ** 2 ~ ' ' ~ 2 ** -1", "2.0 64 4 0.5"],
    ["2 ** 100", "1267650600228229401496703205376"],
    ["true + true", "2"],
    ["'ab' * 2 ~ [0] * 3", "abab[0, 0, 0]"],
    ["'x' or missing ~ none", "x"],
    ["0.5|round ~ ' ' ~ 1.5|round ~ ' ' ~ 2.5|round ~ ' ' ~ 2.675|round(2)", "0.0 2.0 2.0 2.67"],
    ["'%05.1f|%-4s|%x' % (3.14159, 'ab', 255)", "003.1|ab  |ff"],
    [
      "'{:>6}|{0!r}|{a[k]}'.format('é', a={'k': 1})",
      "ValueError: cannot switch from manual field specification to automatic field numbering",
    ],
    ["'{:>6}|{a[k]:,}'.format('é', a={'k': 1234567})", "     é|1,234,567"],
    ["'😀b'|length ~ '😀b'[1] ~ '😀b'[::-1]", "2bb😀"],
    ["'a<b'|e ~ ('<b>'|safe + '<')", "a&lt;b<b>&lt;"],
    ["{'b': 1, 'a': [1.0, none]}|tojson", '{"b": 1, "a": [1.0, null]}'],
    ["['b', 'A', 'c']|sort|join", "Abc"],
    ["range(1, 10, 3)", "range(1, 10, 3)"],
    ["('inf'|float)|filesizeformat ~ ' ' ~ 123456|filesizeformat", "inf YB 123.5 kB"],
    ["dict(a=1).items()", "dict_items([('a', 1)])"],
  ])("%s is %s", (expression, expected) => {
    expect(value(expression)).toBe(expected);
  });
});

describe("the sandbox", () => {
  it.each(["[].append(1)", "{}.update(a=1)", "''.__class__", "messages.__init__()", "[].sort()"])(
    "refuses %s",
    (call) => {
      expect(render(`{{ ${call}.x }}`, { messages: [] })).toMatch(/^SecurityError: access to attribute/);
    },
  );

  it("has namespaces without private attributes", () => {
    expect(render("{% set n = namespace(_a=1) %}")).toMatch(/^SecurityError/);
    expect(render("{% set n = namespace() %}{% set n._a = 1 %}")).toMatch(/^SecurityError/);
  });
});

describe("scopes", () => {
  it("forget what a loop assigns, in the next round too", () => {
    expect(render("{% set x = 0 %}{% for i in [1, 2] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}")).toBe(
      "01020",
    );
  });

  it("carry values out of loops by namespaces only", () => {
    expect(
      render("{% set n = namespace(s=0) %}{% for i in [1, 2] %}{% set n.s = n.s + i %}{% endfor %}{{ n.s }}"),
    ).toBe("3");
  });

  it("let macros see what the template assigns later, and what it was given only if nothing is", () => {
    const macro = "{% macro m() %}[{{ x }}]{% endmacro %}";
    expect(render(`${macro}{{ m() }}{% set x = 1 %}{{ m() }}`, { x: 0 })).toBe("[][1]");
    expect(render(`${macro}{{ m() }}`, { x: 0 })).toBe("[0]");
  });

  it("run `else` of a loop whose rounds were all left early, as jinja2 does", () => {
    expect(render("{% for i in [1, 2] %}{% continue %}{% else %}none{% endfor %}")).toBe("none");
  });

  it("render recursive loops and call blocks", () => {
    const tree =
      "{% for n in t recursive %}{{ n.a }}{{ loop.depth }}{% if n.b %}({{ loop(n.b) }}){% endif %}{% endfor %}";
    expect(render(tree, { t: [{ a: "x", b: [{ a: "y" }] }, { a: "z" }] })).toBe("x1(y2)z1");
    expect(render("{% macro m(a) %}<{{ caller(a) }}>{% endmacro %}{% call(b) m(1) %}{{ b }}{% endcall %}")).toBe("<1>");
  });
});

describe("white space and syntax", () => {
  it("follow trim_blocks and lstrip_blocks", () => {
    expect(render("a\n  {% if true %}\n  b\n  {% endif %}\n  {{ 1 }}\n  {%+ if true %}c{% endif +%}\n")).toBe(
      "a\n  b\n  1\n  c",
    );
    expect(render("{% generation %}\r\nx{% endgeneration %}\n{#- c -#}\n y")).toBe("xy");
  });

  it.each([
    ["{% if %}{% endif %}", /^TemplateSyntaxError: Expected an expression, got 'end of statement block' \(line 1\)/],
    ["a\n\n{{ (1 }}", /^TemplateSyntaxError: unexpected '}', expected '\)' \(line 3\)/],
    ["{{ 1 | nofilter }}", /^TemplateAssertionError: No filter named 'nofilter'/],
    ["{% break %}", /^SyntaxError: 'break' outside loop/],
    ["{% for a in [1] %}", /^TemplateSyntaxError: Unexpected end of template/],
    ["{% include 'x' %}", /^TypeError: no loader for this environment specified/],
  ])("refuse %s", (template, message) => {
    expect(render(template)).toMatch(message);
  });

  it("take the power of a number without its sign, as jinja2 does for bases that it knows ahead", () => {
    expect(render("{{ (-8) ** n }}{{ (-8) ** 0 }}", { n: 0 })).toBe("-11");
  });

  it("miss filters in branches only where these are taken", () => {
    expect(render("{% if false %}{{ 1 | nofilter }}{% endif %}ok")).toBe("ok");
  });
});

describe("what is not known", () => {
  it.each(["[1]|random", "lipsum()", "'a'.encode()", "(-8) ** 0.5"])("is refused by name: %s", (expression) => {
    expect(value(expression)).toMatch(/^NotImplementedError: .* not known here/);
  });
});
