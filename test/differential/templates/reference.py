"""What Python's jinja2 makes of templates, in the settings of transformers, as lines of JSON on standard output.

reference.py random SEED COUNT [transformers|strict]   COUNT random templates (randomTemplates.py)
reference.py render FILE [transformers|strict]         the cases of a file, a line of JSON each with "template" and "variables"

With "transformers" at the end, its own function reads the templates; otherwise jinja2 does, in the same settings. With "strict",
names that are not there are jinja2's StrictUndefined.
"""
import json
import random
import re
import signal
import sys
from datetime import datetime

from jinja2 import StrictUndefined, Undefined, ext, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

DAY = datetime(2024, 7, 26)


def environment():
    """The sandbox that transformers renders chat templates in."""

    class Generation(ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

        def _write(self, caller):
            return caller()

    class Dict:
        def __call__(self, *args, **kwargs):
            return dict(*args, **kwargs)

        def fromkeys(self, *args, **kwargs):
            return dict.fromkeys(*args, **kwargs)

    class PublicNamespace(Namespace):
        def __init__(*args, **kwargs):
            self, args = args[0], args[1:]
            attributes = dict(*args, **kwargs)
            for name in attributes:
                PublicNamespace.check(name)
            Namespace.__init__(self, attributes)

        def __setitem__(self, name, value):
            PublicNamespace.check(name)
            Namespace.__setitem__(self, name, value)

        @staticmethod
        def check(name):
            if isinstance(name, str) and name.startswith("_"):
                raise SecurityError(name)

    PublicNamespace.__name__ = "TemplateNamespace"
    Dict.__name__ = "TemplateDict"
    PublicNamespace.__module__ = Dict.__module__ = "transformers.utils.chat_template_utils"

    def raise_exception(message):
        raise TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    undefined = StrictUndefined if sys.argv[-1] == "strict" else Undefined
    extensions = [Generation, ext.loopcontrols]
    # computed when the template is read, constants that are not there would be errors of reading it
    optimized = undefined is Undefined
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions, undefined=undefined, optimized=optimized)
    made.filters["tojson"] = tojson
    made.globals.update(raise_exception=raise_exception, strftime_now=DAY.strftime, dict=Dict(), namespace=PublicNamespace)
    return made


ENVIRONMENT = environment()


class TooLong(Exception):
    pass


def stop(*_):
    raise TooLong


def reader():
    if sys.argv[-1] != "transformers":
        return ENVIRONMENT.from_string
    from transformers.utils.chat_template_utils import _compile_jinja_template
    return _compile_jinja_template


def run(read, template, variables):
    """The text, or the error's kind and message."""
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        return {"text": read(template).render(**variables)}
    except TooLong:
        return None
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def plain(value):
    """Values as JSON; floats say that they are."""
    if isinstance(value, float):
        return {"$float": repr(value)}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return {"$int": str(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def values(data):
    if isinstance(data, list):
        return [values(item) for item in data]
    if not isinstance(data, dict):
        return data
    if "$float" in data:
        return float(data["$float"])
    return int(data["$int"]) if "$int" in data else {key: values(item) for key, item in data.items()}


# Texts that differ each time: addresses of objects. And what is not known on the other side: complex numbers, bytes.
VOLATILE = re.compile(r" at 0x[0-9a-f]+|\dj\)?|<class ")


def comparable(made):
    return made is not None and made.get("error") != "MemoryError" and not VOLATILE.search(made.get("text", "")) and not any(0xD800 <= ord(c) < 0xE000 for c in made.get("text", ""))


def random_cases(read, seed, count):
    from randomTemplates import random_case
    rng = random.Random(seed)
    while count > 0:
        template, variables = random_case(rng)
        made = run(read, template, variables)
        if comparable(made):
            count -= 1
            # What a template does not name, it does not see.
            named = {name: value for name, value in variables.items() if re.search(rf"\b{name}\b", template)}
            yield {"template": template, "variables": plain(named), **made}


def main():
    signal.signal(signal.SIGALRM, stop)
    read = reader()
    if sys.argv[1] == "random":
        for case in random_cases(read, int(sys.argv[2]), int(sys.argv[3])):
            print(json.dumps(case))
    else:
        for line in open(sys.argv[2]):
            case = json.loads(line)
            made = run(read, case["template"], values(case["variables"]))
            print(json.dumps({**case, **(made or {"error": "TooLong", "message": ""})}))


if __name__ == "__main__":
    main()
