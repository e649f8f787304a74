// Chat templates are programs that come with a model. Whatever they do, rendering ends with a coded error before it has
// taken much time or memory; and what legitimate templates do stays possible.

import { describe, expect, it } from "vitest";
import { MAX_STEPS, MAX_TEXT } from "../../lib/tokenizer/chat/budget.js";
import { ChatTemplate } from "../../lib/tokenizer/chat/chatTemplate.js";
import type { ChatMessage } from "../../lib/tokenizer/types.js";
import { casesOf } from "../long.js";

const user: ChatMessage[] = [{ role: "user", content: "Is the bakery open?" }];
const render = (text: string, messages = user): string => new ChatTemplate(text, "t.jinja", {}).render(messages, false);
const repeat = (count: number, text: string): string => Array.from({ length: count }, () => text).join("");
const nested = (levels: number, body: string): string =>
  Array.from({ length: levels }, (_, level) => `{% for i${level} in range(90000) %}`).join("") +
  body +
  repeat(levels, "{% endfor %}");

const tooManySteps = new RegExp(`more than ${MAX_STEPS} steps`);
const tooMuchText = new RegExp(`more than ${MAX_TEXT} characters`);

const ATTACKS: Readonly<Record<string, readonly [template: string, message: RegExp]>> = {
  "loops in loops": [nested(4, "x"), tooManySteps],
  "loops in loops with nothing in them": [nested(4, ""), tooManySteps],
  "loops that ask for the end of long generators": [
    `{% set l = range(100000) %}{% for i in l %}{% for j in l | map('int') %}{{ loop.length }}{% break %}{% endfor %}{% endfor %}`,
    tooManySteps,
  ],
  "loops over a condition": [
    `{% set l = range(100000) %}{% for i in l %}{% for j in l if false %}{% endfor %}{% endfor %}`,
    tooManySteps,
  ],
  "a giant range": ["{% for i in range(10**15) %}{% endfor %}", /OverflowError: Range too big/],
  "a giant range downwards": ["{{ range(0, -(10**12), -1) | length }}", /OverflowError: Range too big/],
  "a range of no integers": ["{{ range(1.5) }}", /TypeError: 'float' object cannot be interpreted as an integer/],
  "a text many times over": ["{{ 'ab' * 10**9 }}", tooMuchText],
  "a list many times over": ["{{ ([1] * 10**9) | length }}", tooManySteps],
  "a list of lists many times over": [
    "{% set l = [1] * 100000 %}{% for i in l %}{% set x = l * 1000 %}{% endfor %}",
    tooManySteps,
  ],
  "text that doubles": [
    `{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}`,
    tooMuchText,
  ],
  "text that doubles by ~": [
    `{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`,
    tooMuchText,
  ],
  "lists that double": [
    `{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}`,
    /steps|characters/,
  ],
  "a list in a list in a list": [
    `{% set ns = namespace(l=['ha']) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}`,
    /steps|characters/,
  ],
  "two lists in lists in lists that are compared": [
    `{% set a = namespace(l=['ha']) %}{% set b = namespace(l=['ha']) %}{% for i in range(60) %}{% set a.l = [a.l, a.l] %}{% set b.l = [b.l, b.l] %}{% endfor %}{{ a.l == b.l }}`,
    tooManySteps,
  ],
  "a tuple in a tuple as a key": [
    `{% set ns = namespace(l=('ha',)) %}{% for i in range(60) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} }}`,
    /steps|characters/,
  ],
  "a mapping in a mapping": [
    `{% set ns = namespace(l={}) %}{% for i in range(60) %}{% set ns.l = {'a': ns.l, 'b': ns.l} %}{% endfor %}{{ ns.l | tojson }}`,
    /steps|characters/,
  ],
  "namespaces that are filled after they were put into lists": [
    `{% set a = namespace() %}{% set b = namespace() %}{% set c = namespace() %}{% set d = namespace() %}${repeat(4, "{% set _ = 1 %}")}
     {% set la = [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a] %}
     {% set lb = [b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b,b] %}
     {% set lc = [c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c,c] %}
     {% set ld = [d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d,d] %}
     {% set b.x = la %}{% set c.x = lb %}{% set d.x = lc %}{% set a.x = 'hahahahahahahaha' %}{{ ld }}{{ ld | tojson }}`,
    /steps|characters/,
  ],
  "a namespace that holds itself in a list": [
    "{% set n = namespace() %}{% set n.n = [n, n] %}{{ [n] | tojson }}",
    /not JSON serializable/,
  ],
  "a list of great depth": [
    `{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}`,
    /too deep/,
  ],
  "a macro that calls itself": ["{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", /deeper than/],
  "a macro that calls itself twice": [
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(50) }}",
    tooManySteps,
  ],
  "a loop that calls itself": ["{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}", /deeper than|takes too much/],
  "a block that writes itself": ["{% block b %}{{ self.b() }}{% endblock %}", /deeper than|takes too much/],
  "generators over generators": [
    `{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = ns.l | map('int') %}{% endfor %}{{ ns.l | list }}`,
    /takes too much|steps/,
  ],
  "a call that calls itself": [
    "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
    /deeper than|steps/,
  ],
  "replace with much": [`{% set s = 'a' %}${repeat(12, "{% set s = s.replace('a', 'aaaaaaaa') %}")}`, tooMuchText],
  "the replace filter with much": [
    `{% set s = 'a' %}${repeat(12, "{% set s = s | replace('a', 'aaaaaaaa') %}")}`,
    tooMuchText,
  ],
  "replace of nothing": [`{% set s = 'a' %}${repeat(30, "{% set s = s.replace('', s) %}")}`, tooMuchText],
  "replace found by another name": [
    `{% set s = 'a' %}${repeat(12, "{% set f = s['rep' + 'lace'] %}{% set s = f('a', 'aaaaaaaa') %}")}`,
    tooMuchText,
  ],
  "indent by much": ["{{ 'a\\nb' | indent(10**9) }}", tooMuchText],
  "indent of a block by much": ["{% filter indent(10**9) %}a\nb{% endfilter %}", tooMuchText],
  "join with much": [`{% set s = 'ab' %}${repeat(12, "{% set s = range(9) | join(s) %}")}`, tooMuchText],
  "tojson with deep indents": ["{{ [[[[1]]]] | tojson(indent=10**8) }}", tooMuchText],
  "tojson with long separators": [
    `{% set s = 'ab' %}${repeat(16, "{% set s = s ~ s %}")}{{ range(1000) | list | tojson(separators=[s, s]) }}`,
    tooMuchText,
  ],
  "expressions of great depth": [`{{ ${repeat(5000, "(")}1${repeat(5000, ")")} }}`, /takes too much|deeper than/],
  "a sum of many terms": [`{{ 1${repeat(50_000, "+1")} }}`, /takes too much|deeper than/],
  "a chain of filters": [`{{ 'a'${repeat(20_000, "|trim")} }}`, /takes too much|deeper than/],
  "blocks in blocks": [`${repeat(3000, "{% if true %}")}${repeat(3000, "{% endif %}")}`, /takes too much|deeper than/],
  "much text": ["x".repeat(300_000), /more than 262144 characters/],
  "a number of many digits": ["{{ 10**(10**10) }}", /more than 262144 bits/],
  "a number of too many digits to print": ["{{ 10**5000 }}", /ValueError: Exceeds the limit/],
  "a number that multiplies itself": [
    `{% set ns = namespace(n=10**1000) %}{% for i in range(60) %}{% set ns.n = ns.n * ns.n %}{% endfor %}`,
    /more than 262144 bits/,
  ],
  "a number of many hexadecimal digits that is divided": [
    `{% set n = ('f' * 4000000) | int(base=16) %}{{ n // 3 }}`,
    /more than 262144 bits/,
  ],
  "digits that are no number": [`{% set s = '1' * 4000000 %}${repeat(40, "{{ (s ~ 'x') | float }}")}`, tooManySteps],
  "a format of great width": ["{{ '%2000000000d' % 1 }}", tooMuchText],
  "a format of a given width": ["{{ '%*d' % (2000000000, 1) }}", tooMuchText],
  "a format of great precision": ["{{ '%.2000000000f' % 1.5 }}", tooMuchText],
  "fields of great width": ["{{ '{:>2000000000}'.format(1) }}", tooMuchText],
  "text in the middle of much": ["{{ 'a'.center(10**9) }}", tooMuchText],
  "many zeros": ["{{ 'a'.zfill(10**9) }}", tooMuchText],
  "tabs of great width": ["{{ ('\t' * 100).expandtabs(10**9) }}", tooMuchText],
  "brackets behind an address": [
    `{% set s = ')' * 200000 %}{% for i in range(100000) %}{% set x = (s ~ 'a)') | urlize %}{% endfor %}`,
    tooManySteps,
  ],
  "long texts that are compared": [
    `{% set a = 'a' * 8000000 %}{% set b = 'a' * 4000000 ~ 'a' * 4000000 %}{% for i in range(100000) %}{% if a == b %}{% endif %}{% endfor %}`,
    tooManySteps,
  ],
  "long texts as keys": [
    `{% set a = 'a' * 8000000 %}{% set d = {a: 1} %}{% for i in range(100000) %}{% if d[a] %}{% endif %}{% endfor %}`,
    tooManySteps,
  ],
  "characters of a long text": [
    `{% set a = '😀' * 4000000 %}{% for i in range(100000) %}{{ a[4000000 - 1] }}{% endfor %}`,
    tooManySteps,
  ],
  "a long word that is broken often": ["{{ ('a' * 1000000) | wordwrap(1) }}", tooManySteps],
  "loops in loops that are only read": [
    `${repeat(280, "{% for i in [] %}")}${repeat(20_000, "{{ i }}")}${repeat(280, "{% endfor %}")}`,
    tooManySteps,
  ],
  "an unknown filter": ["{{ 'a' | frobnicate }}", /fails: TemplateAssertionError: No filter named 'frobnicate'/],
  "no Jinja": ["{% for %}", /fails/],
  "the prototype of things": ["{{ messages.constructor.constructor('return process')() }}", /fails/],
  "a long search, many times": [
    `{% set s = 'ab' %}${repeat(20, "{% set s = s ~ s %}")}{% for i in range(100000) %}{% if 'aa' in s %}{% endif %}{% endfor %}`,
    tooManySteps,
  ],
  "a long list searched many times": [
    `{% set l = range(100000) %}{% for i in l %}{% if 'x' in l %}{% endif %}{% endfor %}`,
    tooManySteps,
  ],
};

/** Those that come near their limit slowly: one of each kind stays. */
const SLOW = [
  ...["a list in a list in a list", "a mapping in a mapping", "loops in loops that are only read"],
  ...["characters of a long text", "a long search, many times", "the replace filter with much"],
];
const attacks = Object.entries(ATTACKS);

describe("a hostile chat template", () => {
  it.each(
    casesOf(
      attacks,
      attacks.filter(([name]) => !SLOW.includes(name)),
    ),
  )("is refused: %s", (_, [template, message]) => {
    expect(() => render(template)).toThrow(
      expect.objectContaining({ name: "RetemperError", code: "BAD_INPUT", message: expect.stringMatching(message) }),
    );
  });

  it("can raise its own error, whose text is the message", () => {
    expect(() => render("{{ raise_exception('Only user and assistant, please') }}")).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        message: "Only user and assistant, please",
        hint: expect.stringContaining("t.jinja"),
      }),
    );
  });

  it("may do much that costs little", () => {
    const nothing = "{% set l = range(100000) %}{% for i in l %}{% for j in l %}{% break %}{% endfor %}{% endfor %}";
    expect(render(nothing)).toBe("");
    const macros = `{% for i in range(1000) %}{% macro m() %}${repeat(2000, "{{ a.b.c }}")}{% endmacro %}{% endfor %}`;
    expect(render(macros)).toBe("");
    expect(render(" ".repeat(200_000))).toBe(" ".repeat(200_000));
    expect(render("{{ 10**400 }}")).toBe(`1${"0".repeat(400)}`);
    expect(render("{% set n = namespace() %}{% set n.n = n %}{{ n }}")).toBe("<Namespace {'n': <Namespace {...}>}>");
  });

  it("cannot reach the process", () => {
    expect(render("{{ process }}{{ globalThis }}{{ constructor }}{{ __proto__ }}{{ messages.__proto__ }}")).toBe("");
  });
});

describe("a long conversation", () => {
  const turns = Array.from(
    { length: 2000 },
    (_, index): ChatMessage => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content: `${index}: ${"word ".repeat(400)}`,
    }),
  );

  it("of two thousand turns and four megabytes is rendered", () => {
    const template = `{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('no') }}{% endif %}{{ '<' + message['role'] + '>' + message['content'] | trim + '</>\\n' }}{% endfor %}`;
    const text = render(template, turns);
    expect(text).toBe(turns.map(({ role, content }) => `<${role}>${content.trim()}</>\n`).join(""));
  });
});
