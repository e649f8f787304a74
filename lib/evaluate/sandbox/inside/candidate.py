# The process of the program. Alone, it runs to its last line and says so; beside a checker, it runs, then answers calls of
# its functions. Nothing here is a secret, and nothing it says is believed: it may answer, and that is all.

import builtins
import os

LONGEST_WORD = 400


def word_of(error):
    """An exception in a few words, whatever its own methods do."""
    try:
        return (type(error).__name__ + ": " + str(error))[:LONGEST_WORD]
    except BaseException as other:
        return type(other).__name__[:LONGEST_WORD]


def run_alone(source, proof, out):
    itself = os.getpid()
    try:
        exec(compile(source, "program.py", "exec"), {})
        word = proof
    except BaseException as error:
        word = word_of(error).encode("utf-8", "replace")
    if os.getpid() == itself:  # what it forked has nothing to say
        os.write(out, word)
    os._exit(0)


def run_candidate(source, asked, answers):
    itself = os.getpid()
    namespace = {}
    try:
        exec(compile(source, "program.py", "exec"), namespace)
        answer = ("value", None)
    except BaseException as error:
        answer = ("raised", "", word_of(error))
    while os.getpid() == itself:
        try:
            send(answers, answer)
        except Unsendable as error:
            send(answers, ("unsendable", str(error)[:LONGEST_WORD]))
        name, arguments, named = receive(asked)
        try:
            if name not in namespace:
                answer = ("raised", "", "NameError: name '" + name + "' is not defined")
            else:
                answer = ("value", namespace[name](*arguments, **named))
        except BaseException as error:
            answer = ("raised", known_name(type(error)), word_of(error))
    os._exit(0)


def known_name(kind):
    """The nearest exception that every Python has, "" for what is none, such as SystemExit."""
    for base in kind.__mro__:
        if getattr(builtins, base.__name__, None) is base and issubclass(base, Exception):
            return base.__name__
    return ""
