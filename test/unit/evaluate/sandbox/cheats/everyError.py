import builtins

kinds = [kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)]
calls = []


def ENTRY(*_, **__):
    calls.append(None)
    raise kinds[len(calls) % len(kinds)]("x")
