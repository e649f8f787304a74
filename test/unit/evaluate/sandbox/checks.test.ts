// Programs beside a checker: what crosses between them, and what a test sees of a program.

import { describe, expect, it } from "vitest";
import { openSandbox } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { type ProgramResult, runPrograms } from "../../../../lib/evaluate/sandbox/runPrograms.js";

const problem = await openSandbox({ limits: { memoryBytes: 2 ** 29, processes: 16, fileBytes: 2 ** 24 } }).then(
  () => "",
  (error: Error) => error.message,
);

async function run(source: string, tests: string, setup?: string): Promise<ProgramResult> {
  const check = { tests, setup, entryPoint: "f" };
  const [result] = await runPrograms([{ source, check, timeoutMs: 20_000 }], { allowCodeExecution: true });
  return result as ProgramResult;
}

const SAME = "def f(value):\n    return value\n";

describe.skipIf(problem)(`a program beside a checker${problem}`, () => {
  it("passes when its tests run to their last line", async () => {
    expect(await run("def f(x): return x * x", "assert f(3) == 9")).toEqual({
      passed: true,
      trusted: true,
      reason: "passed",
    });
    expect(await run("def f(x): return x", "assert f(3) == 9, 'three'")).toEqual({
      passed: false,
      trusted: true,
      reason: "AssertionError: three",
    });
  });

  it("gives plain values of any kind back as they are", async () => {
    const values = [
      "None, True, False, 0, -1, 2 ** 63, -(10 ** 4000), 0.1, -0.0, 1e308, 5e-324, float('inf'), 1 + 2j, '', 'ä€😀\\ud800\\0'",
      "b'\\x00\\xff', bytearray(b'x'), [], (), set(), frozenset(), {}, range(2, 20, 3), [1, (2, {3: {4}}), [[None]]]",
      "{'a': [1], 1: 'x', (1, 2): None, None: b''}, {1, 'x', (1,)}, frozenset({frozenset()})",
    ].join(", ");
    const tests = `
for value in [${values}]:
    back = f(value)
    assert type(back) is type(value) and repr(back) == repr(value), (value, back)
    assert f((value,)) == (value,)
assert repr(f(float("nan"))) == "nan"
assert f(value=3) == 3
`;
    expect(await run(SAME, tests)).toMatchObject({ reason: "passed" });
  });

  it("gives values of its own kinds as the plain ones that they are kinds of", async () => {
    const source = `
import collections, enum
def f(which):
    return [
        collections.Counter("aab"), collections.OrderedDict(a=1), collections.namedtuple("P", "x y")(1, 2),
        enum.IntEnum("E", "A B").B, type("T", (str,), {})("text"), collections.defaultdict(list, {1: [2]}),
    ][which]
`;
    const expected = "[{'a': 2, 'b': 1}, {'a': 1}, (1, 2), 2, 'text', {1: [2]}]";
    const tests = `for at, want in enumerate(${expected}):\n    got = f(at)\n    assert got == want and type(got) is type(want)`;
    expect(await run(source, tests)).toMatchObject({ reason: "passed" });
  });

  it("fails with what cannot cross: functions, generators, objects of its own, what is too deep, too long or contains itself", async () => {
    for (const [value, word] of [
      ["lambda: 1", /a value of type function/],
      ["(n for n in [1])", /a value of type generator/],
      ["object()", /a value of type object/],
      ["'x' * 2 ** 24", /more than 8 MiB/],
      ["bytes(2 ** 23 - 4)", /passed|more than 8 MiB/],
      ["(lambda l: l.append(l) or l)([])", /nested more than 100 deep/],
    ] as const) {
      expect((await run(`def f(): return ${value}`, "f()")).reason, value).toMatch(word);
    }
    expect(await run(SAME, "f(lambda: 1)")).toMatchObject({
      reason: expect.stringMatching(/cannot be sent to a program/),
    });
  });

  it("raises in its tests what it raises, by the name that every Python knows", async () => {
    const source = `
class Own(KeyError): pass
def f(which):
    raise [ValueError("a"), Own("b"), AssertionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), ZeroDivisionError("z")][which]
`;
    const tests = `
for at, kind in enumerate([ValueError, KeyError, AssertionError, ValueError, ZeroDivisionError]):
    try:
        f(at)
    except kind as error:
        assert at or str(error) == "a"
    else:
        assert False, at
`;
    expect(await run(source, tests)).toMatchObject({ reason: "passed" });
    expect(await run("def f(): raise IndexError('far')", "f()")).toMatchObject({
      passed: false,
      reason: "IndexError: far",
    });
  });

  it("fails when it wants to end, also where its tests catch everything", async () => {
    for (const end of ["raise SystemExit(0)", "raise KeyboardInterrupt", "__import__('os')._exit(0)"]) {
      const tests = "try:\n    f()\nexcept BaseException:\n    pass\n";
      expect(await run(`def f():\n    ${end}`, tests), end).toMatchObject({ passed: false });
    }
  });

  it("fails without the function, when it raises before, and when it is no Python", async () => {
    const tests = "try:\n    f()\nexcept Exception:\n    pass\n";
    expect((await run("def g(): pass", tests)).reason).toBe("NameError: name 'f' is not defined");
    expect((await run("raise KeyError(1)", "pass")).reason).toBe("KeyError: 1");
    expect((await run("def f(:", "pass")).reason).toMatch(/^SyntaxError/);
    expect((await run("import os; os.kill(os.getpid(), 9)", "pass")).reason).toBe("killed by signal 9");
  });

  it("gets copies: its changes of arguments, and of modules, are not its tests'", async () => {
    const source = "import math\nmath.pi = 3\ndef f(values):\n    values.clear()\n    return math.pi\n";
    const tests = "import math\nvalues = [1, 2]\nassert f(values) == 3 and values == [1, 2] and math.pi > 3.1";
    expect(await run(source, tests)).toMatchObject({ reason: "passed" });
  });

  it("is called with what the tests' setup defines, which may end within its own function", async () => {
    const setup = 'def twice(x):\n    return 2 * x\n\ndef f(x):\n    """Four times x."""\n';
    expect(await run(`${setup}    return twice(twice(x))`, "assert f(1) == twice(2)", setup)).toMatchObject({
      passed: true,
    });
    expect(await run("def f(x): return x", "assert f(1) == 1", "def f(x):")).toMatchObject({ passed: true });
  });

  it("ends with its time: while it runs, and while its tests do", async () => {
    const limit = { allowCodeExecution: true } as const;
    const programs = [
      { source: "def f(): \n  while True: pass", check: { tests: "f()", entryPoint: "f" }, timeoutMs: 1000 },
      { source: "def f(): pass", check: { tests: "while True: pass", entryPoint: "f" }, timeoutMs: 1000 },
    ];
    expect((await runPrograms(programs, limit)).map(({ reason }) => reason)).toEqual(["timed out", "timed out"]);
  });
});
