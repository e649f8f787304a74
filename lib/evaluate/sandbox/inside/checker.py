# The process of the tests. The program cannot reach it: it asks for calls of the program's functions through a pipe, gets
# plain values back, and alone knows the tests and the proof that they passed.

import builtins
import os


class Failed(BaseException):
    """The program is out of the game. Not an Exception: tests that expect one must not take it for theirs."""


def run_checker(setup, tests, entry_point, proof, asked, answers, out):
    failures = []

    def fail(reason):
        failures.append(reason)  # for good, also where a test catches everything
        raise Failed(reason)

    def answer():
        try:
            kind, *rest = receive(answers)
            if kind == "value":
                (value,) = rest
                return value
            if kind == "raised":
                name, text = rest
                error = same_error(name, text) or fail(text)
            else:
                (text,) = rest
                fail("it gave " + text + ", and only plain values can be compared")
        except (Unsendable, EOFError, TypeError, ValueError) as problem:
            fail("ended before its last line" if isinstance(problem, EOFError) else "its answer cannot be read")
        raise error

    def called(*arguments, **named):
        if failures:
            fail(failures[0])
        try:
            send(asked, (entry_point, arguments, named))
        except Unsendable as problem:
            fail("the tests pass " + str(problem) + ", which cannot be sent to a program")
        except OSError:
            fail("ended before its last line")
        return answer()

    called.__name__ = called.__qualname__ = entry_point
    namespace = {}
    try:
        answer()  # to the program's own last line
        exec(compile_setup(setup), namespace)
        namespace[entry_point] = called
        exec(compile(tests, "tests.py", "exec"), namespace)
        word = failures[0].encode("utf-8", "replace") if failures else proof
    except Failed:
        word = failures[0].encode("utf-8", "replace")
    except BaseException as error:
        word = word_of(error).encode("utf-8", "replace")
    os.write(out, word[:LONGEST_WORD] if word is not proof else proof)
    os._exit(0)


def compile_setup(setup):
    """It may end within a function, before the lines that the program has to fill in."""
    try:
        return compile(setup, "setup.py", "exec")
    except SyntaxError:
        return compile(setup + "\n    pass\n", "setup.py", "exec")


def same_error(name, text):
    """An exception of that name, or None for one that ends a program whatever its tests expect."""
    kind = getattr(builtins, name, None) if name else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return None
    message = text.split(": ", 1)[-1]
    try:
        return kind(message)
    except TypeError:  # those that are made of more than a text
        return ValueError(message) if issubclass(kind, ValueError) else Exception(message)
