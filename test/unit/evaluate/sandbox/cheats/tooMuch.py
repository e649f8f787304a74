def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


answers = [nested(100_000), nested(98), [None] * 3_000_000, "x" * 20_000_000, 10 ** 100_000, float("nan")]
calls = []


def ENTRY(*_, **__):
    calls.append(None)
    return answers[len(calls) % len(answers)]
