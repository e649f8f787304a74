"""Random chat templates, over the whole of Jinja's grammar, and what they are rendered with. Most are valid and most of their
expressions fit the types of their values; some do not, because errors are compared too."""
import random

ROLES = ["system", "user", "assistant", "tool", "developer", ""]
TEXTS = ["", " ", "Hi", "hello there", "  pad  ", "line\nline2", "a,b,,c", "ABC abc", "x<y>&'\"", "caf\xe9 \u65e5\u672c", "\U0001d518\U0001f600 ok",
         "<think>\nhm\n</think>\n\nYes", "it's", "tab\tx\r\n", "\xdf\u0130\u0131\u03a3\u03c3\u03c2", "123", "-4.5", "0x1f", "1_000", " 42 ", "inf", "%s", "{}", "\\n", "a-b c.d",
         "Title Case", "\u01c6x \ufb01n", "\x1cq\x85", "\u3000w", "aXbXc", "...", "true", "None", "e\u0301"]
NAMES = ["a", "b", "c", "x", "y", "role", "content", "name", "key", "loop_", "item"]
INTS = [0, 1, 2, 3, -1, -2, 5, 7, 10, 42, -7, 100, 255, 10**12, 2**53, 2**63, -(2**64)]
FLOATS = [0.0, 1.0, 0.5, -0.5, 2.5, 3.14159, -1.25, 1e16, 1e-5, 1e22, 100.0, 0.1, 2.675, 1e300, -0.0, 123456789.125, 1e-7, 5e-324]


def variables(rng):
    """The conversation and what else a template is given."""
    def content():
        kind = rng.random()
        if kind < 0.75:
            return rng.choice(TEXTS)
        if kind < 0.85:
            return None
        return [{"type": "text", "text": rng.choice(TEXTS)} for _ in range(rng.randint(0, 2))] + ([{"type": "image"}] if rng.random() < 0.3 else [])

    def message():
        made = {"role": rng.choice(ROLES), "content": content()}
        if rng.random() < 0.15:
            made["tool_calls"] = [{"type": "function", "function": {"name": rng.choice(NAMES), "arguments": rng.choice([{}, {"x": 1, "y": [1.5, None]}, '{"a": 1}'])}}]
        if rng.random() < 0.1:
            made["reasoning_content"] = rng.choice(TEXTS)
        if rng.random() < 0.05:
            del made["content"]
        return made

    given = {"messages": [message() for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 4]))], "add_generation_prompt": rng.random() < 0.5,
             "bos_token": "<s>", "eos_token": "</s>", "tools": rng.choice([None, None, [], [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]])}
    given["s"] = rng.choice(TEXTS)
    given["t"] = rng.choice(TEXTS)
    given["n"] = rng.choice(INTS)
    given["m"] = rng.choice([0, 1, 2, 3, 5])
    given["f"] = rng.choice(FLOATS)
    given["flag"] = rng.random() < 0.5
    given["nil"] = None
    given["l"] = [rng.choice([1, 2, "a", "B", "b", None, True, 1.0, 2.5, [1], "", 0, False]) for _ in range(rng.randint(0, 4))]
    given["nums"] = [rng.choice([3, 1, 2, 2.5, -1, True, 10]) for _ in range(rng.randint(0, 5))]
    given["words"] = [rng.choice(["pear", "Apple", "fig", "apple", "Fig", "kiwi", "\xe9clair", ""]) for _ in range(rng.randint(0, 5))]
    given["d"] = {rng.choice(["a", "b", "key", "items", "keys", "x y", "get", "_p"]): rng.choice([1, "v", None, [1, 2], {"z": 1}, True, 0.5]) for _ in range(rng.randint(0, 4))}
    given["rows"] = [{"k": rng.choice(["x", "y", "X", 1, 2]), "v": rng.choice([1, 2, 3, None, "s"]), "n": {"m": rng.randint(0, 3)}} for _ in range(rng.randint(0, 4))]
    given["pairs"] = [[rng.choice(NAMES), rng.choice([1, "two", None])] for _ in range(rng.randint(0, 3))]
    given["tree"] = [{"t": "r", "c": [{"t": "s", "c": []}, {"t": "u", "c": [{"t": "w", "c": []}]}]}, {"t": "q", "c": []}][:rng.randint(0, 2)]
    return given


TYPED = {"str": ["s", "t", "bos_token", "messages[0].role", "messages[0]['content']", "words[0]"], "int": ["n", "m", "messages|length"], "float": ["f"],
         "bool": ["flag", "add_generation_prompt"], "list": ["l", "messages", "nums", "words", "rows", "pairs", "tree"], "dict": ["d", "messages[0]", "rows[0]", "messages[-1]"],
         "none": ["nil", "none", "None"], "undefined": ["missing", "d.nothing", "messages[99]", "missing2"]}
TYPES = ["str", "str", "str", "int", "int", "float", "bool", "list", "list", "dict", "none", "undefined"]


class Templates:
    def __init__(self, rng):
        self.rng = rng
        self.scope = []  # names that templates have assigned, by type
        self.macros = []
        self.namespaces = []
        self.loops = 0
        self.wild = rng.choice([0, 0, 0.02, 0.08])  # how often a type does not fit

    def pick(self, *options):
        return self.rng.choice(options)

    def chance(self, probability):
        return self.rng.random() < probability

    # -- expressions ---------------------------------------------------------------------------------------------------------

    def any(self, depth):
        return self.of(self.rng.choice(TYPES), depth)

    def of(self, kind, depth):
        if self.chance(self.wild):
            kind = self.rng.choice(TYPES)
        if depth <= 0 or self.chance(0.25):
            return self.atom(kind)
        if self.chance(0.08):
            return self.generic(kind, depth - 1)
        return getattr(self, "of_" + kind)(depth - 1)

    def atom(self, kind):
        named = [name for name, known in self.scope if known == kind]
        if named and self.chance(0.5):
            return self.rng.choice(named)
        if kind in ("none", "undefined") or self.chance(0.45):
            return self.rng.choice(TYPED[kind])
        if kind == "str":
            return self.text()
        if kind == "int":
            return self.pick(*"0 1 2 3 5 7 10 42 1_000 0x1F 0b101 0o17 00 255".split()) if self.chance(0.9) else "(-%d)" % self.rng.randint(1, 9)
        if kind == "float":
            return self.pick("0.5", "1.0", "2.5", "1e3", "3.14", "1.5e-7", "2E+2", "1_0.2_5", "0.1", "100.0", "1e16", "12345.678")
        if kind == "bool":
            return self.pick("true", "false", "True", "False")
        if kind == "list":
            return self.pick("[]", "[1, 2, 3]", "['a', 'b']", "(1, 2)", "()", "('x',)", "range(3)", "range(1, 6, 2)", "range(5, 0, -1)", "[1, 'a', none, true, 1.0]", "[[1, 2], [3]]", "'abc'", "[3, 1, 2,]")
        return self.pick("{}", "{'a': 1}", "{'k': 'v', 'n': none}", "{1: 'one', 'x': [1]}", "{'a': {'b': 2}}", "dict(a=1, b='c')", "{true: 1, 'b': 2.0}", "{(1, 2): 3}")

    def text(self):
        made = self.rng.choice(TEXTS)
        kind = self.rng.random()
        if kind < 0.1:
            return self.pick(r"'\n'", r'"\x41\u00e9\t"', r"'\d\e'", r"'it\'s'", r'"\"q\""', "'a' 'b'", "'two\nlines'", r"'\101\0'", r"'\U0001F600'", r"'a\\b'")
        quote = "'" if kind < 0.7 else '"'
        return quote + made.replace("\\", "\\\\").replace(quote, "\\" + quote).replace("\n", self.pick("\\n", "\n")) + quote

    def generic(self, kind, depth):
        choice = self.rng.randrange(9)
        if choice == 0:
            return f"({self.of(kind, depth)} if {self.of('bool', depth)} else {self.of(kind, depth)})"
        if choice == 1:
            return f"({self.of(kind, depth)} or {self.of(kind, depth)})"
        if choice == 2:
            return f"({self.any(depth)} and {self.of(kind, depth)})"
        if choice == 3:
            return f"{self.of(self.pick('undefined', kind), depth)}|{self.pick('default', 'd')}({self.of(kind, depth)}{self.pick('', ', true', ', boolean=true', ', false')})"
        if choice == 4:
            return f"([{self.of(kind, depth)}, {self.any(depth)}][0])"
        if choice == 5:
            return f"{{'q': {self.of(kind, depth)}}}.q"
        if choice == 6:
            return f"[{self.of(kind, depth)}]|{self.pick('first', 'last')}"
        if choice == 7:
            return f"({self.of(kind, depth)} if {self.of('bool', depth)})"
        return f"({self.of(kind, depth)})"

    def of_str(self, depth):
        choice = self.rng.randrange(16)
        if choice <= 2:
            return f"{self.of('str', depth)} + {self.of('str', depth)}"
        if choice <= 4:
            return f"{self.any(depth)} ~ {self.any(depth)}" + (f" ~ {self.any(depth)}" if self.chance(0.3) else "")
        if choice == 5:
            return f"{self.of('str', depth)} * {self.of('int', 0) if self.chance(0.3) else self.pick('2', '0', '3', 'm')}"
        if choice == 6:
            return self.percent(depth)
        if choice == 7:
            return f"({self.of('str', depth)})[{self.slice(depth)}]"
        if choice == 8:
            return f"({self.of('str', depth)})[{self.pick('0', '-1', '1', 'm', '5')}]"
        if choice <= 11:
            return f"({self.of('str', depth)}).{self.str_method(depth)}"
        if choice == 12 and self.macros:
            return self.call(depth)
        return f"{self.filtered(depth)}"

    def filtered(self, depth):
        s, any_, list_ = (lambda: self.of("str", depth)), (lambda: self.any(depth)), (lambda: self.of("list", depth))
        return self.rng.choice([
            lambda: f"{s()}|{self.pick('upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'escape', 'e', 'forceescape', 'urlencode', 'striptags', 'safe', 'reverse', 'wordwrap', 'center(12)', 'indent', 'urlize')}",
            lambda: f"({s()})|trim({self.text() if self.chance(0.7) else 'none'})",
            lambda: f"({s()})|replace({s()}, {s()}{self.pick('', ', 1', ', count=2', ', none', ', 0')})",
            lambda: f"({s()})|indent({self.pick('2', '0', 'width=3', 's', '4, true', '2, first=true, blank=true', 'blank=true', chr(39) + '> ' + chr(39))})",
            lambda: f"({s()})|truncate({self.pick('5', '8, true', '6, false, ' + chr(39) + chr(39), '4, end=' + chr(39) + '-' + chr(39), '7, leeway=0', '3, true, ' + chr(39) + '..' + chr(39) + ', 0', '2')})",
            lambda: f"({s()})|wordwrap({self.pick('5', '3', '10, false', '4, wrapstring=' + chr(39) + '|' + chr(39), '6, break_on_hyphens=false')})",
            lambda: f"({s()})|center({self.pick('4', '9', '11', 'width=20', 'm')})",
            lambda: f"({list_()})|join({self.pick('', s(), s() + ', attribute=' + chr(39) + 'k' + chr(39), 'd=' + s())})",
            lambda: f"({any_()})|tojson({self.tojson()})",
            lambda: f"({any_()})|{self.pick('string', 'upper', 'lower', 'trim', 'e', 'wordcount', 'pprint')}",
            lambda: f"({self.pick(chr(39) + '%s-%s' + chr(39), chr(39) + '%d' + chr(39), s(), chr(39) + '%(a)s' + chr(39))})|format({self.pick(any_() + ', ' + any_(), self.of('int', depth), 'a=' + any_(), '')})",
            lambda: f"({self.of('dict', depth)})|{self.pick('xmlattr', 'urlencode', 'xmlattr(false)')}",
            lambda: f"({self.of(self.pick('int', 'float'), depth)})|filesizeformat{self.pick('', '(true)')}",
        ])()

    def tojson(self):
        return ", ".join(self.rng.sample(["indent=" + self.pick("2", "0", "none", "4", "'  '", "true"), "sort_keys=" + self.pick("true", "false"), "ensure_ascii=" + self.pick("true", "false"),
                                          "separators=" + self.pick("(',', ':')", "[', ', ': ']", "none")], self.pick(0, 0, 1, 2)))

    def percent(self, depth):
        spec = lambda kinds: "%" + self.pick("", "", "-", "0", "+", " ", "#", "-+") + self.pick("", "", "5", "10", "1") + self.pick("", "", ".2", ".0", ".") + self.pick(*kinds)  # noqa: E731
        choice = self.rng.randrange(5)
        if choice == 0:
            return f"('{spec('srs')}' % {self.any(depth)})"
        if choice == 1:
            return f"('{spec('dixXo')} {spec('eEfgGF')}' % ({self.of('int', depth)}, {self.of(self.pick('float', 'int'), depth)}))"
        if choice == 2:
            return f"('%(a)s {spec('s')}%%' % {{'a': {self.any(depth)}}})"
        if choice == 3:
            return f"({self.text()} % {self.any(depth)})"
        return f"('%s{spec('srdfgxc')}' % ({self.any(depth)}, {self.of(self.pick('int', 'float', 'str'), depth)}))"

    def slice(self, depth):
        bound = lambda: self.pick("", "", "0", "1", "-1", "2", "-3", "10", "m", "none", "-100")  # noqa: E731
        return bound() + ":" + bound() + self.pick("", "", ":", ":-1", ":2", ":-2", ":1")

    def str_method(self, depth):
        s = lambda: self.of("str", depth)  # noqa: E731
        one = lambda: self.pick("'a'", "' '", "','", "'x'", "''", "'\\n'", "'e'", "'</think>'", "'X'", s())  # noqa: E731
        return self.rng.choice([
            lambda: f"{self.pick('upper', 'lower', 'title', 'capitalize', 'swapcase', 'casefold', 'strip', 'lstrip', 'rstrip', 'split', 'rsplit', 'splitlines', 'isdigit', 'isalpha', 'isalnum', 'isspace', 'isupper', 'islower', 'istitle', 'isnumeric', 'isdecimal', 'isidentifier', 'isprintable', 'isascii')}()",
            lambda: f"{self.pick('strip', 'lstrip', 'rstrip')}({self.pick(one(), 'none', chr(39) + ' ae' + chr(39))})",
            lambda: f"{self.pick('split', 'rsplit')}({one()}{self.pick('', ', 1', ', maxsplit=1', ', 0', ', -1', ', 2')})",
            lambda: f"{self.pick('split', 'rsplit')}({self.pick('none', 'none, 1', 'maxsplit=1', 'sep=none, maxsplit=2', 'sep=' + one())})",
            lambda: f"splitlines({self.pick('true', 'false', 'keepends=true')})",
            lambda: f"{self.pick('startswith', 'endswith')}({self.pick(one(), '(' + one() + ', ' + one() + ')', one() + ', 1', one() + ', -3, 4', one() + ', none, 2')})",
            lambda: f"{self.pick('find', 'rfind', 'index', 'rindex', 'count')}({one()}{self.pick('', '', ', 1', ', -4', ', 1, 5', ', none, -1')})",
            lambda: f"replace({one()}, {one()}{self.pick('', ', 1', ', -1', ', 0', ', 2')})",
            lambda: f"{self.pick('partition', 'rpartition', 'removeprefix', 'removesuffix')}({one()})",
            lambda: f"join({self.pick('words', 'l', '[' + s() + ', ' + s() + ']', s(), self.of('list', depth))})",
            lambda: f"{self.pick('center', 'ljust', 'rjust')}({self.pick('7', '10', '3', 'm')}{self.pick('', ', ' + chr(39) + '*' + chr(39), ', ' + one())})",
            lambda: f"zfill({self.pick('5', '8', '1', 'm')})",
            lambda: f"expandtabs({self.pick('', '4', 'tabsize=2', '0')})",
            lambda: self.str_format(depth),
        ])()

    def str_format(self, depth):
        return f"format({', '.join([self.any(depth) for _ in range(self.pick(0, 1, 2))] + self.pick([], ['a=' + self.any(depth)]))})"

    def format(self, depth):
        spec = self.pick("", "", ":>8", ":<6", ":^7", ":05d", ":.2f", ":,", ":x", ":+d", ":10.3s", ":e", ":g", ":%", ":_", ":#b", ":*^9", "!r", "!s", "!a", "!r:>10", ":08.3f", ":.0f", ":=+6", ":n", ":c", ":.3", ":{}", ":,.1f", ":G")
        field = self.pick("", "", "0", "a", "a.b", "a[0]", "a[b]", "1", "0.k", "0[k]")
        return f"'<{{{field}{spec}}}>{self.pick('', '{{}}', '{}', '{a}', '}', '{')}'.{self.str_format(depth)}"

    def of_int(self, depth):
        i, n = (lambda: self.of("int", depth)), (lambda: self.of(self.pick("int", "int", "float", "bool"), depth))
        choice = self.rng.randrange(14)
        if choice <= 4:
            return f"{self.operand(i())} {self.pick('+', '-', '*', '//', '%', '/', '+', '-')} {self.operand(n())}"
        if choice == 5:
            return f"{self.operand(self.atom('int'))} ** {self.pick('0', '1', '2', '3', '-1', 'm')}" if self.chance(0.8) else f"{self.pick('2', '0', '3', '(-2)')} ** {self.pick('2 ** 2', '-2', '10', '70')}" + self.pick("", "", " + 2 ** 0.5")
        if choice == 6:
            return f"{self.pick('-', '+', '-', '- -')}{self.operand(i())}"
        if choice == 7:
            return f"({self.of(self.pick('str', 'list', 'dict'), depth)})|{self.pick('length', 'count')}"
        if choice == 8:
            return f"({self.any(depth)})|int{self.pick('', '(7)', '(default=none)', '(0, 16)', '(base=2)', '(-1, base=8)')}"
        if choice == 9:
            return f"({self.of('list', depth)})|{self.pick('sum', 'max', 'min', 'sum(start=10)')}"
        if choice == 10:
            return f"nums|{self.pick('sum', 'max', 'min', 'first', 'last')}"
        if choice == 11:
            return f"({self.of(self.pick('float', 'int'), depth)})|{self.pick('abs', 'round', 'int', 'round|int')}"
        if choice == 12:
            return f"({self.of('str', depth)}).{self.pick('count', 'find', 'rfind')}({self.text()})"
        return f"({i()}).{self.pick('bit_length()', 'real', 'numerator', 'denominator', 'imag', 'bit_count()', 'conjugate()')}"

    def operand(self, text):
        return text if self.chance(0.3) else f"({text})"

    def of_float(self, depth):
        f, n = (lambda: self.of("float", depth)), (lambda: self.of(self.pick("int", "float"), depth))
        choice = self.rng.randrange(8)
        if choice <= 2:
            return f"{self.operand(f())} {self.pick('+', '-', '*', '/', '//', '%')} {self.operand(n())}"
        if choice == 3:
            return f"{self.operand(n())} / {self.operand(n())}"
        if choice == 4:
            return f"({self.any(depth)})|float{self.pick('', '(1.5)', '(default=none)')}"
        if choice <= 6:
            return f"({n()})|round{self.pick('', '(1)', '(2)', '(precision=3)', '(-1)', '(1, ' + chr(39) + 'floor' + chr(39) + ')', '(0, ' + chr(39) + 'ceil' + chr(39) + ')', '(method=' + chr(39) + 'ceil' + chr(39) + ')', '(none)')}"
        return f"-{self.operand(f())}"

    def of_bool(self, depth):
        a, n, s = (lambda: self.any(depth)), (lambda: self.of(self.pick("int", "float", "bool"), depth)), (lambda: self.of("str", depth))
        choice = self.rng.randrange(15)
        if choice <= 1:
            kind = self.rng.choice(TYPES)
            return f"{self.operand(self.of(kind, depth))} {self.pick('==', '!=')} {self.operand(self.pick(self.of(kind, depth), a()))}"
        if choice <= 3:
            return f"{self.operand(n())} {self.pick('<', '<=', '>', '>=', '==', '!=')} {self.operand(n())}" + (f" {self.pick('<', '<=', '==', 'in')} {self.operand(self.pick(n(), '[1, 2]'))}" if self.chance(0.2) else "")
        if choice == 4:
            return f"{s()} {self.pick('<', '>=', '==', '!=', 'in', 'not in')} {s()}"
        if choice <= 6:
            return f"{a()} {self.pick('in', 'not in')} {self.of(self.pick('list', 'dict', 'str', 'list'), depth)}"
        if choice == 7:
            return f"not {self.operand(a())}"
        if choice == 8:
            return f"{self.operand(a())} {self.pick('and', 'or')} {self.operand(a())}"
        if choice == 9:
            return f"({s()}).{self.pick('startswith', 'endswith')}({self.text()})"
        return f"{self.operand(a())} is {self.pick('', '', 'not ')}{self.test(depth)}"

    def test(self, depth):
        return self.rng.choice([
            lambda: self.pick("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable", "callable", "escaped", "upper", "lower", "odd", "even", "filter", "test"),
            lambda: self.pick("defined", "none", "string", "mapping", "iterable", "sequence"),
            lambda: f"divisibleby{self.pick(' 2', '(3)', '(m)', ' 0')}",
            lambda: f"{self.pick('eq', 'ne', 'equalto', '==' if False else 'eq')}{self.pick(' 1', '(' + self.any(depth) + ')', ' ' + self.text())}",
            lambda: f"{self.pick('lt', 'le', 'gt', 'ge', 'greaterthan', 'lessthan')}({self.of(self.pick('int', 'float', 'str'), depth)})",
            lambda: f"in({self.of('list', depth)})",
            lambda: f"in {self.pick('l', 'words', '[1, 2]', 'd', 's')}",
            lambda: f"sameas {self.pick('true', 'false', 'none')}",
        ])()

    def of_list(self, depth):
        list_, any_ = (lambda: self.of("list", depth)), (lambda: self.any(depth))
        return self.rng.choice([
            lambda: f"[{', '.join(any_() for _ in range(self.pick(0, 1, 2, 3)))}]",
            lambda: f"({any_()}, {any_()})",
            lambda: f"{list_()} + {list_()}",
            lambda: f"({list_()}) * {self.pick('2', '0', 'm')}",
            lambda: f"({list_()})[{self.slice(depth)}]",
            lambda: f"({self.of('str', depth)}).{self.pick('split()', 'split(' + chr(39) + ',' + chr(39) + ')', 'splitlines()', 'partition(' + chr(39) + ' ' + chr(39) + ')')}",
            lambda: f"({self.of(self.pick('list', 'str', 'dict'), depth)})|list",
            lambda: f"({list_()})|{self.pick('sort', 'sort(reverse=true)', 'sort(case_sensitive=true)', 'unique|list', 'unique(true)|list', 'reverse|list', 'list')}",
            lambda: f"{self.pick('words', 'nums', 'words', list_())}|{self.pick('sort', 'sort(true)', 'sort(case_sensitive=true)', 'unique|list', 'unique(case_sensitive=true)|list', 'min', 'max', 'max(true)', 'min(case_sensitive=true)')}",
            lambda: f"rows|sort(attribute={self.pick(*map(repr, ['k', 'v', 'n.m', 'k,v', 'n']))}{self.pick('', ', reverse=true')})",
            lambda: f"rows|{self.pick('map', 'map')}(attribute={self.pick(*map(repr, ['k', 'v', 'n.m', 'zz', 'n.m.q']))}{self.pick('', ', default=' + any_())})|list",
            lambda: f"({list_()})|map({self.pick(*map(repr, ['upper', 'string', 'int', 'length', 'trim', 'first', 'abs', 'float', 'tojson', 'title', 'list', 'nofilter']))})|list",
            lambda: f"words|map({self.pick(repr('replace') + ', ' + repr('p') + ', ' + repr('q'), repr('center') + ', 8', repr('truncate') + ', 3, true, ' + repr(''), repr('default'), repr('indent') + ', first=true')})|list",
            lambda: f"({list_()})|{self.pick('select', 'reject')}({self.pick('', *map(repr, ['odd', 'string', 'none', 'defined', 'number', 'mapping', 'true', 'notest']), repr('eq') + ', ' + any_(), repr('in') + ', ' + list_(), repr('gt') + ', 1', repr('sameas') + ', none')})|list",
            lambda: f"{self.pick('rows', 'messages', 'rows')}|{self.pick('selectattr', 'rejectattr')}({self.pick(repr('k'), repr('v'), repr('role'), repr('v') + ', ' + repr('none'), repr('role') + ', ' + repr('equalto') + ', ' + repr('user'), repr('k') + ', ' + repr('==') + ', ' + repr('x'), repr('content') + ', ' + repr('string'), repr('n.m') + ', ' + repr('>') + ', 1', repr('zz') + ', ' + repr('defined'), repr('role') + ', ' + repr('in') + ', [' + repr('user') + ']')})|list",
            lambda: f"({list_()})|{self.pick('batch(2)', 'batch(3, none)', 'batch(2, 0)', 'slice(2)', 'slice(3, ' + repr('f') + ')', 'batch(linecount=2, fill_with=' + repr('-') + ')')}|list",
            lambda: f"rows|groupby({self.pick(*map(repr, ['k', 'v', 'n.m', 'zz']))}{self.pick('', ', case_sensitive=true', ', default=0')})",
            lambda: f"({self.of('dict', depth)}){self.pick('.items()', '.keys()', '.values()', '|items', '|dictsort', '|dictsort(true)', '|dictsort(false, ' + repr('value') + ')', '|dictsort(reverse=true)', '|dictsort(by=' + repr('value') + ')')}|list",
            lambda: f"range({self.pick('m', '4', '2, 8, 3', '-2', '5, 1, -2', '0', self.of('int', 0))})|list",
            lambda: f"({list_()})|{self.pick('first', 'last', 'list|last', 'list|first', 'length')}",
        ])()

    def of_dict(self, depth):
        any_ = lambda: self.any(depth)  # noqa: E731
        return self.rng.choice([
            lambda: "{" + ", ".join(f"{self.pick(self.text(), self.of('int', 0), repr('k'))}: {any_()}" for _ in range(self.pick(0, 1, 2, 3))) + "}",
            lambda: f"dict({', '.join(self.pick(*NAMES) + '=' + any_() for _ in range(self.pick(1, 2)))})",
            lambda: f"dict({self.of('dict', depth)}, z={any_()})",
            lambda: f"dict({self.pick('pairs', '[(1, 2), (' + repr('a') + ', 3)]', self.of('list', depth))})",
            lambda: f"({self.of('dict', depth)}).copy()",
            lambda: f"dict.fromkeys({self.of('list', depth)}{self.pick('', ', 1')})",
            lambda: self.pick("messages[0]", "rows|first", "messages|last", "d"),
        ])()

    def of_none(self, depth):
        return self.pick(f"({self.of('dict', depth)}).get('nope')", "none", "nil", f"({self.of('dict', depth)}).get({self.text()})")

    def of_undefined(self, depth):
        owner = self.of(self.pick("dict", "list", "str", "dict"), depth)
        return self.pick(f"({owner}).nothing", f"({owner})['nope']", f"({owner})[77]", "missing", f"([]|first)", f"[]|{self.pick('max', 'min', 'last')}", f"({owner}).{self.pick('__class__', '_x', 'append', 'pop', 'update')}", f"({owner})[{self.any(depth)}]")

    def call(self, depth):
        name, params = self.rng.choice(self.macros)
        args = [self.any(depth) for _ in range(max(0, min(4, len(params) + self.pick(0, 0, 0, -1, 1))))]
        if args and self.chance(0.3) and params:
            args[-1] = f"{self.pick(*params, 'zz')}={args[-1]}"
        if self.chance(0.1):
            args.append(self.pick("*l", "*words", "**d", "**{'a': 1}", "*[1, 2]"))
        return f"{name}({', '.join(args)})"

    # -- statements ----------------------------------------------------------------------------------------------------------

    def expression(self):
        kind = self.rng.random()
        if kind < 0.06:
            return self.format(1)
        if kind < 0.1 and self.namespaces:
            return f"{self.rng.choice(self.namespaces)}.{self.pick('a', 'b', 'q')}"
        if kind < 0.13:
            return f"({self.of('list', 1)}).{self.pick('index(1)', 'count(1)', 'copy()', 'append(1)', 'index(' + self.any(0) + ')', 'count(' + self.any(0) + ')', 'sort()', 'pop()')}"
        if kind < 0.16:
            return f"({self.of('dict', 1)}).{self.pick('get(' + self.any(0) + ')', 'get(' + self.text() + ', ' + self.any(0) + ')', 'items()', 'keys()', 'values()', 'update(a=1)', 'pop(1)', 'setdefault(1)')}"
        if kind < 0.18 and self.loops:
            return self.loop_use()
        if kind < 0.19:
            return self.pick("raise_exception('no: ' ~ s)", "1, 2", "()", "messages|tojson", "x.y.z", "range(3)", "namespace(a=1)", "cycler('a', 'b').next()", "joiner('|')()", "self", "missing.attribute", "missing()", "none.x", "1()", "l.x()", "s.nothing()", "'%d' % 'x'", "{}.a.b",
                             "strftime_now('%%')", "m is defined if flag else 2" if False else "(m is defined) if flag else 2", "range(10**6)", "nil + 1", "'a' < 1", "[] < [1]", "[1] < ['a']", "{} < {}", "none < none")
        return self.any(self.pick(1, 1, 2, 2, 3))

    def loop_use(self):
        return "loop." + self.pick("index", "index0", "first", "last", "length", "revindex", "revindex0", "depth", "depth0", "previtem", "nextitem", "cycle('o', 'e')", "changed(" + self.any(0) + ")", "nothing", "previtem is defined", "nextitem|d('end')", "cycle()")

    def tag(self, body):
        left = self.pick("", "", "", "-", "-", "+")
        right = self.pick("", "", "", "-", "-", "+")
        return "{%" + left + self.pick(" ", " ", "", "  ", "\n") + body + self.pick(" ", " ", "", "\t") + right + "%}"

    def variable(self, body):
        return "{{" + self.pick("", "", "", "-", "+") + self.pick(" ", " ", "" if not body.startswith("{") and not body.startswith(("-", "+")) else " ") + body + self.pick(" ", " ", "" if not body.endswith("}") else " ") + self.pick("", "", "-") + "}}"

    def data(self):
        return self.pick("", "", " ", "\n", "  \n", "\n  ", "text", " a ", "\n\n", "<|im_start|>", "x\n", "\t", "\r\n", "}} %}", "{ { ", "\n    ", "\u3000", "[INST] ", "#", "\u2028")

    def statements(self, depth, count=None):
        made = []
        for _ in range(count or self.pick(1, 1, 2, 2, 3)):
            made.append(self.data())
            made.append(self.statement(depth))
            made.append(self.data())
        return "".join(made)

    def scoped(self, depth, names=(), count=None, loop=0):
        before = list(self.scope), list(self.macros), list(self.namespaces), self.loops
        self.scope += names
        self.loops += loop
        body = self.statements(depth, count)
        if self.chance(0.8):
            self.scope, self.macros, self.namespaces = before[:3]
        self.loops = before[3]
        return body

    def statement(self, depth):
        if depth <= 0:
            return self.variable(self.expression())
        kinds = ["out"] * 9 + ["soup", "text", "objects", "objects", "scopes", "scopes"] + ["if"] * 3 + ["for"] * 4 + ["set"] * 4 + ["macro"] * 2 + ["setblock", "namespace", "nsset", "nsset", "filter", "call", "with", "comment", "raw", "generation", "print", "block", "jump", "recursive", "odd"]
        return getattr(self, "do_" + self.rng.choice(kinds))(depth - 1)

    def do_out(self, depth):
        return self.variable(self.expression())

    def do_print(self, depth):
        return self.tag(f"print {self.expression()}" + self.pick("", f", {self.any(0)}"))

    def condition(self):
        return self.of("bool", 2) if self.chance(0.7) else self.any(1)

    def do_if(self, depth):
        made = self.tag(f"if {self.condition()}") + self.statements(depth)
        for _ in range(self.pick(0, 0, 1)):
            made += self.tag(f"elif {self.condition()}") + self.statements(depth)
        if self.chance(0.5):
            made += self.tag("else") + self.statements(depth)
        return made + self.tag("endif")

    def do_for(self, depth):
        name = self.pick(*NAMES, "message", "message")
        kind = self.rng.random()
        if kind < 0.35:
            target, items, names = name, "messages", [(name, "dict")]
        elif kind < 0.5:
            other = self.pick(*NAMES)
            target, names = f"{name}, {other}", [(name, "str"), (other, "int")]
            items = self.pick(f"({self.of('dict', 1)}).items()", "pairs", "d.items()", "d|dictsort", "d|items", "rows|groupby('k')", self.of("list", 1))
        elif kind < 0.6:
            target, items, names = name, f"range({self.pick('3', 'm', '2, 5')})", [(name, "int")]
        elif kind < 0.7:
            target, items, names = name, "words", [(name, "str")]
        else:
            target, items, names = name, self.any(1) if self.chance(0.15) else self.of("list", 2), [(name, "str")]
        if self.chance(0.2):
            items += f" if {self.condition()}" if self.chance(0.5) else f" if {name} {self.pick('!= none', 'is string', '== ' + self.any(0), 'is mapping')}"
        if self.chance(0.1):
            items = f"{self.pick('messages[::-1]', 'messages[1:]', 'messages|reverse', 'messages[:-1]')}"
        made = self.tag(f"for {target} in {items}") + self.scoped(depth, names, loop=1)
        if self.chance(0.3):
            made += self.variable(self.loop_use())
        if self.chance(0.15):
            made += self.tag(f"if {self.pick('loop.first', 'loop.index == 2', self.of('bool', 0))}") + self.tag(self.pick("break", "continue")) + self.tag("endif") + self.data()
        if self.chance(0.25):
            made += self.tag("else") + self.scoped(depth)
        return made + self.tag("endfor")

    def do_recursive(self, depth):
        return self.tag(f"for node in {self.pick('tree', 'tree', 'rows', 'tree if node.t')} recursive") + f"{{{{ node.t }}}}{self.data()}" + self.pick("{{ loop.depth }}", "{{ loop.index }}/{{ loop.length }}", "", "{{ loop.last }}") + \
            self.tag("if node.c") + "[" + self.variable("loop(node.c)") + "]" + self.tag("endif") + self.pick("", self.tag("else") + "none") + self.tag("endfor")

    def do_set(self, depth):
        name, kind = self.pick(*NAMES, "s", "l", "message"), self.rng.choice(TYPES[:10])
        if self.chance(0.12):
            other = self.pick(*NAMES)
            self.scope += [(name, "str"), (other, "str")]
            return self.tag(f"set {name}, {other} = {self.pick('1, 2', 's, t', self.any(1) + ', ' + self.any(1), self.any(1), repr('ab'), '[1, 2]')}")
        value = self.of(kind, 2)
        self.scope.append((name, kind))
        return self.tag(f"set {name} = {value}")

    def do_setblock(self, depth):
        name = self.pick(*NAMES)
        body = self.scoped(depth, count=1)
        self.scope.append((name, "str"))
        return self.tag(f"set {name}{self.pick('', '', ' | upper', ' | trim | length', ' | replace(' + repr('a') + ', ' + repr('b') + ')')}") + body + self.tag("endset")

    def do_namespace(self, depth):
        name = self.pick("ns", "ns", "ns2")
        self.namespaces.append(name)
        return self.tag(f"set {name} = namespace({self.pick('', 'a=1', 'a=' + self.any(1) + ', b=none', 'a=' + repr(''), self.of('dict', 0), 'd, b=2')})")

    def do_nsset(self, depth):
        if not self.namespaces and self.chance(0.9):
            return self.do_namespace(depth)
        name = self.rng.choice(self.namespaces) if self.namespaces and self.chance(0.97) else self.pick("ns", "d", "missing")
        attribute = self.pick("a", "b")
        return self.tag(f"set {name}.{attribute} = {self.pick(self.any(2), name + '.a', name + '.' + attribute + ' + 1', name + '.' + attribute + ' ~ s', 'true')}")

    def do_macro(self, depth):
        name = self.pick("mac", "m2", "render")
        params = self.rng.sample(NAMES, self.pick(0, 1, 2, 3))
        first_default = self.rng.randint(0, len(params) + 1)
        signature = [p if i < first_default else f"{p}={self.any(1)}" for i, p in enumerate(params)]
        body = self.scoped(depth, [(p, "str") for p in params], count=self.pick(1, 2))
        if self.chance(0.15):
            body += self.variable(self.pick("varargs", "kwargs", "caller()", "caller is defined", "varargs|length", "kwargs|tojson", "caller(1, 2)", name + ".name", name + ".arguments"))
        self.macros.append((name, params))
        return self.tag(f"macro {name}({', '.join(signature)})") + body + self.tag("endmacro")

    def do_call(self, depth):
        if not self.macros:
            wrap = self.tag("macro wrap(x='', y=none)") + f"<{{{{ x }}}}>{{{{ caller({self.pick('', '1', '1, 2', 'x')}) }}}}" + self.tag("endmacro")
            self.macros.append(("wrap", ["x", "y"]))
            return wrap + self.do_call(depth)
        params = self.pick("", "", "(a)", "(a, b=2)", "()")
        return self.tag(f"call{params} {self.call(0)}") + self.scoped(depth, [("a", "int")] if "a" in params else [], count=1) + self.tag("endcall")

    def do_filter(self, depth):
        return self.tag(f"filter {self.pick('upper', 'trim', 'indent(2)', 'replace(' + repr('a') + ', ' + repr('b') + ')', 'upper|trim', 'escape', 'length', 'title', 'tojson', 'truncate(5)')}") + self.scoped(depth, count=1) + self.tag("endfilter")

    def do_with(self, depth):
        names = self.rng.sample(NAMES, self.pick(0, 1, 2))
        return self.tag("with " + ", ".join(f"{name} = {self.any(1)}" for name in names)) + self.scoped(depth, [(name, "str") for name in names]) + self.tag("endwith")

    def do_comment(self, depth):
        return "{#" + self.pick("", "-", "+") + self.pick(" c ", "", " {{ x }} ", "\n", " {% if %}") + self.pick("", "-", "+") + "#}"

    def do_raw(self, depth):
        return "{%" + self.pick("", "-", "+") + " raw " + self.pick("", "-") + "%}" + self.pick("", "{{ x }}", "\n {% if %}\n", " a ") + "{%" + self.pick("", "-", "+") + self.pick(" ", "") + "endraw" + self.pick(" ", "") + self.pick("", "-", "+") + "%}"

    def do_generation(self, depth):
        return self.tag("generation") + self.scoped(depth, count=1) + self.tag("endgeneration")

    def do_block(self, depth):
        self.blocks = getattr(self, "blocks", 0) + (1 if self.chance(0.95) else 0)
        return self.tag(f"block b{self.blocks}{self.pick('', '', ' scoped')}") + self.scoped(depth, count=1) + self.tag("endblock" + self.pick("", f" b{self.blocks}")) + self.pick("", "", self.variable(f"self.b{self.blocks}()"))

    def do_jump(self, depth):
        return self.tag(self.pick("break", "continue")) if self.loops or self.chance(0.1) else self.variable(self.any(1))

    def do_soup(self, depth):
        """Tokens in any order: mostly errors of syntax, and now and then an expression that nobody would write."""
        if self.chance(0.8):
            return self.variable(self.expression())
        tokens = ["s", "n", "l", "d", "1", "2.5", "'a'", "none", "true", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|", "~", "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "=", "not", "and", "or",
                  "in", "is", "if", "else", "defined", "upper", "length", "not in", "is not", "-1", "s.upper()", "l[0]", "d.a", "(1, 2)", "[1]", ";", "string", "odd", "|first", "|string", "x=1", "*l", "**d"]
        made = " ".join(self.pick(*tokens) for _ in range(self.rng.randint(1, 7)))
        return self.pick("{{ %s }}", "{{ %s }}", "{%% if %s %%}y{%% endif %%}", "{%% set x = %s %%}", "{%% for x in %s %%}.{%% endfor %%}", "{%% %s %%}", "{{ f(%s) }}", "{{ l[%s] }}", "{%% set %s = 1 %%}", "{{ 1 if %s }}") % made

    def do_text(self, depth):
        """What tags are made of, in any order."""
        if self.chance(0.85):
            return self.data() + self.variable(self.any(0)) + self.data()
        return "".join(self.pick("{{ 1 }}", "{% if true %}", "{% endif %}", "{#", "#}", "{# c #}", "-", "+", "{{-", "-}}", "{%-", "-%}", " ", "\n", "\t", "a", "{", "}", "%", "#", "{% raw %}", "{% endraw %}", "{%+ if true %}", "\r", "\r\n", "\x0b", "\u2029", "\x85", "{{ ' }}' }}", "{{ '{#' }}")
                       for _ in range(self.rng.randint(1, 9)))

    def do_objects(self, depth):
        """Objects with a state, kept in variables and used more than once."""
        name = self.pick("it", "it2")
        return self.rng.choice([
            lambda: f"{{% set {name} = cycler({self.any(0)}, {self.any(0)}) %}}{{{{ {name}.next() }}}}{{{{ {name}.current }}}}{{{{ {name}.next() ~ {name}.next() }}}}{{{{ {name}.{self.pick('reset()', 'pos', 'items', 'nothing', 'current is defined')} }}}}",
            lambda: f"{{% set {name} = joiner({self.pick('', self.text(), 'sep=' + self.text())}) %}}{{{{ {name}() ~ 1 ~ {name}() ~ 2 ~ {name}() }}}}{{{{ {name}.{self.pick('sep', 'used', 'nothing')} }}}}",
            lambda: f"{{% set {name} = {self.of('list', 1)}|{self.pick('map(' + repr('string') + ')', 'select', 'reject(' + repr('none') + ')', 'unique', 'batch(2)', 'reverse', 'map(attribute=' + repr('k') + ')', 'slice(2)')} %}}{{{{ {name}|{self.pick('first', 'list', 'join(' + repr(',') + ')', 'length', 'last', 'sort', 'list|length')} }}}}{{{{ {name}|list }}}}{{{{ {name} is {self.pick('iterable', 'sequence', 'defined', 'mapping')} }}}}",
            lambda: f"{{% for x in {self.of('list', 1)}|{self.pick('map(' + repr('string') + ')', 'select', 'batch(2)', 'reverse', 'list', 'unique')} %}}{{{{ x }}}}{{{{ {self.loop_use()} }}}}{{{{ {self.loop_use()} }}}}{{% endfor %}}",
            lambda: f"{{% set {name} = ({self.of('str', 0)})|{self.pick('safe', 'escape')} %}}{{{{ {name} {self.pick('+', '~', '*')} {self.pick(self.of('str', 0), '2')} }}}}{{{{ {name}.{self.str_method(0)} }}}}{{{{ [{name}] }}}}{{{{ {name} is {self.pick('string', 'escaped', 'eq(s)')} }}}}{{{{ {name}|{self.pick('upper', 'replace(s, t)', 'trim', 'e', 'forceescape', 'indent', 'tojson', 'truncate(4)', 'center(9)', 'title', 'length', 'string', 'striptags', 'reverse', 'first', 'list')} }}}}",
            lambda: f"{{{{ ('<%s>'|safe) % {self.any(0)} }}}}{{{{ ('<{{}}|{{a}}>'|safe).format({self.any(0)}, a={self.any(0)}) }}}}{{{{ ({self.text()}|safe).join({self.of('list', 0)}) }}}}",
            lambda: f"{{% set {name} = ({self.of(self.pick('dict', 'str', 'list', 'int'), 1)}).{self.pick('items', 'keys', 'get', 'upper', 'split', 'index', 'copy', 'count', 'format', 'append', 'bit_length')} %}}{{{{ {name}({self.pick('', self.any(0), self.text())}) }}}}{{{{ {name} is callable }}}}",
            lambda: f"{{% set {name} = ({self.of('dict', 1)}).{self.pick('items', 'keys', 'values')}() %}}{{{{ {name} }}}}{{{{ {name}|length }}}}{{{{ {self.any(0)} in {name} }}}}{{{{ {name}|{self.pick('list', 'first', 'sort', 'join', 'last', 'map(' + repr('string') + ')|list', 'tojson')} }}}}",
            lambda: f"{{% set {self.pick('a', 'b')}, ({self.pick('c', 'x')}, {name}) = {self.pick('1, (2, 3)', 's, l', self.any(1) + ', ' + self.of('list', 1), '[1, [2, 3]]')} %}}{{{{ {name} }}}}",
            lambda: f"{{% macro obj({self.pick('a', 'a=1', 'loop', 'caller=none')}) %}}{{{{ {self.pick('a', 'loop', 'caller', 'varargs', 'kwargs', 'obj')} }}}}{{% endmacro %}}{{{{ obj.{self.pick('name', 'arguments', 'catch_kwargs', 'catch_varargs', 'caller', 'nothing')} }}}}{{{{ obj({self.any(0)}) }}}}{{{{ obj }}}}",
            lambda: f"{{% for x in l %}}{{% set r = loop %}}{{{{ r }}}}{{% for y in l %}}{{{{ r.index ~ loop.index }}}}{{{{ r.{self.pick('last', 'nextitem', 'cycle(1, 2)', 'length')} }}}}{{% endfor %}}{{% endfor %}}{{{{ r }}}}",
            lambda: f"{{% set ns = namespace(a={self.any(0)}, f=none) %}}{{{{ ns }}}}{{% set ns.f = ns.a %}}{{{{ ns.f }}}}{{{{ ns['a'] }}}}{{{{ ns.nothing is defined }}}}{{% set ns.a, ns.b = 1, 2 %}}{{{{ ns }}}}{{{{ ns|{self.pick('list', 'length', 'tojson', 'string', 'attr(' + repr('a') + ')', 'items', 'default(1)')} }}}}",
            lambda: f"{{{{ ({self.any(1)})|attr({self.text() if self.chance(0.3) else self.pick(*map(repr, ['a', 'items', 'upper', '__class__', 'append', 'k', 'real']))}) }}}}",
        ])()

    def do_scopes(self, depth):
        """One name, in all the scopes that there are."""
        name = self.pick("x", "x", "y", "s")
        show, assign = f"[{{{{ {name} }}}}]", f"{{% set {name} = {self.pick('1', '2', name + ' ~ ' + repr('+'), 'l', 'none', self.any(0))} %}}"
        inner = (lambda: self.pick(show, assign, show + assign + show, self.scope_of(name, show, assign, depth - 1) if depth > 0 else show))  # noqa: E731
        return show + "".join(self.scope_of(name, self.pick(show, inner()), inner(), depth) for _ in range(self.pick(1, 2))) + show

    def scope_of(self, name, first, second, depth):
        body = first + second if depth <= 0 or self.chance(0.6) else first + self.do_scopes(depth - 1) + second
        macro = self.pick("ma", "mb")
        return self.rng.choice([
            lambda: f"{{% if {self.of('bool', 0)} %}}{body}{{% else %}}{second}{{% endif %}}",
            lambda: f"{{% for {self.pick(name, 'i', 'i, ' + name)} in {self.pick('[1, 2]', 'pairs', '[(1, 2), (3, 4)]', 'l')} %}}{body}{{% endfor %}}",
            lambda: f"{{% for i in [1, 2] if {self.pick(name, 'i', name + ' != i')} %}}{body}{{% else %}}{first}{{% endfor %}}",
            lambda: f"{{% with {self.pick(name + ' = 5', 'q = ' + name, name + ' = ' + name + ', q = ' + name)} %}}{body}{{% endwith %}}",
            lambda: f"{{% set {self.pick(name, 'q')} %}}{body}{{% endset %}}",
            lambda: f"{{% filter upper %}}{body}{{% endfilter %}}",
            lambda: f"{{% macro {macro}({self.pick('', name, name + '=9', 'q=' + name)}) %}}{body}{{% endmacro %}}{{{{ {macro}({self.pick('', '7', '')}) }}}}{first}{second}{{{{ {macro}() }}}}",
            lambda: f"{{% macro {macro}() %}}({{{{ caller({self.pick('', '4')}) }}}}){{% endmacro %}}{{% call{self.pick('', '(' + name + ')', '(' + name + '=3)', '(q=1)')} {macro}() %}}{body}{{% endcall %}}",
            lambda: f"{{% generation %}}{body}{{% endgeneration %}}",
            lambda: f"{{% for i in [1, [2]] recursive %}}{body}{{% if i is iterable %}}{{{{ loop(i) }}}}{{% endif %}}{{% endfor %}}",
            lambda: self.in_block(body),
        ])()

    def in_block(self, body):
        self.blocks = getattr(self, "blocks", 0) + 1
        return f"{{% block b{self.blocks}{self.pick('', ' scoped')} %}}{body}{{% endblock %}}{self.pick('', '{{ self.b%d() }}' % self.blocks)}"

    def do_odd(self, depth):
        """What is rare, or wrong."""
        if self.chance(0.75):
            return self.variable(self.expression())
        return self.pick("{% if %}{% endif %}", "{% for x in %}{% endfor %}", "{{ }}", "{{ 1 + }}", "{% endif %}", "{{ x | nofilter }}", "{{ x is notest }}", "{% if flag %}{{ x | nofilter }}{% endif %}", "{% set 1 = 2 %}", "{% set true = 1 %}", "{% unknown %}", "{% include 'a' %}",
                         "{{ 'open }}", "{{ (1 }}", "{{ 1) }}", "{% macro a(x, x) %}{% endmacro %}", "{{ f(a=1, a=2) }}", "{% for loop in l %}{% endfor %}", "{{ l[1:2, 3] }}", "{% raw %}", "{# open", "{{ a b }}", "{{ ? }}", "{% set a.b.c = 1 %}", "{% call 1 %}{% endcall %}",
                         "{{ 1 is divisibleby 2 is true }}", "{% macro q(caller) %}{{ caller() }}{% endmacro %}{% call q() %}z{% endcall %}", "{{ super() }}", "{% extends 'x' %}", "{{ x.0 }}", "{{ l.0 }}", "{{ l.-1 }}", "{{ 1.5.x }}", "{% set x = %}", "{% for a, b in [[1]] %}{% endfor %}", "{%",
                         "{{", "{{ not }}", "{{ -s }}", "{{ 'a' 'b' ~ 1 }}", "{{ {1: 2}[1] }}", "{{ [1, 2][0:1] }}", "{{ 08 }}", "{{ 1_ }}", "{{ a.b().c[d](e) }}", "{{ 'x' is in 'xyz' and not 1 is none }}", "{% if true: %}y{% endif %}", "{{ (1,)[0],  }}", "{% print 1, %}",
                         "{{ '\\x4' }}", "{{ not 1 == 2 }}", "{{ 1 if 0 if 1 else 2 else 3 }}", "{{ -1|abs ~ +2|string }}", "{{ 2 - -1 }}", "{{ 2 ** 3 ** 2 }}", "{{ -2 ** 2 }}", "{{ not not s }}", "{{ 1 < 2 < 3 != 4 }}", "{{ 1 ~ 2 + 3 ~ 4 }}" if False else "{{ 1 ~ 2 }}", "{{ x if y }}|{{ none if false else '' }}")

    def template(self):
        return self.statements(3, self.pick(1, 2, 3, 4)) + self.pick("", "", "\n", "\n\n", " ")


def random_case(rng):
    """Whole templates; and, because the first error hides what follows, single expressions whose types often do not fit."""
    made = Templates(rng)
    if rng.random() < 0.3:
        made.wild = rng.choice([0.05, 0.2])
        return made.variable(made.any(rng.choice([1, 2, 3]))), variables(rng)
    return made.template(), variables(rng)
