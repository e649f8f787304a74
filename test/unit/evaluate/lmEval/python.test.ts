// Python's patterns, draws and literals, as Python itself has them (test/golden/lmEval/makePython.py).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LiteralError, readLiteral } from "../../../../lib/evaluate/lmEval/python/literal.js";
import { PythonRandom } from "../../../../lib/evaluate/lmEval/python/pythonRandom.js";
import { PythonRegex } from "../../../../lib/evaluate/lmEval/python/pythonRegex.js";
import { PatternError } from "../../../../lib/evaluate/lmEval/python/translatePattern.js";
import { long } from "../../../long.js";

interface Golden {
  readonly patterns: [pattern: string, rows: [text: string, found: unknown[], all: string, first: string][]][];
  readonly samples: [seed: number, size: number, count: number, samples: number[][]][];
  readonly literals: [text: string, value: unknown][];
}

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../golden/lmEval/python.json"), "utf8"),
) as Golden;

describe("Python's regular expressions", () => {
  it.each(golden.patterns)("find and replace what Python's do: %s", (pattern, rows) => {
    const expression = new PythonRegex(pattern);
    for (const [text, found, all, first] of rows) {
      expect(expression.findAll(text), text).toEqual(found);
      expect(expression.replace(text, "<\\g<0>\\\\\\n>"), text).toBe(all);
      expect(expression.replace(text, "!", 1), text).toBe(first);
    }
  });

  it.each(["(", "a++", "(?>a)", "[a", "\\p{L}", "(?x)a b", "(?i:a)"])("refuse what is not known: %s", (pattern) => {
    expect(() => new PythonRegex(pattern)).toThrow(PatternError);
  });

  it("find characters by their eight hexadecimal digits", () => {
    expect(new PythonRegex("\\U0001F600|[\\U0001F601]").findAll("a😀b😁")).toEqual(["😀", "😁"]);
  });

  it("refuse a replacement that names a group which there is not", () => {
    expect(() => new PythonRegex("(a)").replace("a", "\\2")).toThrow(PatternError);
    expect(() => new PythonRegex("(?P<x>a)").replace("", "\\g<y>")).toThrow(PatternError);
    expect(new PythonRegex("(?P<x>a)|b").replace("ab", "<\\g<x>>")).toBe("<a><>");
  });

  it.runIf(long)("are stopped where they go back and forth without end", () => {
    const hostile = new PythonRegex("^(?:\\w+)+$");
    const text = `${"a".repeat(60)}!`;
    expect(() => hostile.findAll(text)).toThrow(/the pattern .* takes too long/);
    expect(hostile.findAll("abc")).toEqual(["abc"]);
  });
});

describe("Python's random.sample", () => {
  it("draws the same items for the same seed", () => {
    for (const [seed, size, count, samples] of golden.samples) {
      const drawn = new PythonRandom(seed);
      const items = Array.from({ length: size }, (_, at) => at);
      for (const sample of samples) expect(drawn.sample(items, count), `${seed} ${size} ${count}`).toEqual(sample);
    }
  });

  it("refuses to draw more than there are", () => {
    expect(() => new PythonRandom(1).sample([1, 2], 3)).toThrow(RangeError);
  });
});

describe("Python's literals", () => {
  it("have characters by two, four or eight hexadecimal digits", () => {
    expect(readLiteral("'\\x41\\u00e9\\U0001F600'").value).toBe("A\u00e9\u{1f600}");
  });

  it("have numbers with a point at either end", () => {
    expect(readLiteral("[1., .5, 1.e2, -2.5E-1, 1_0, 0x1f]").value).toEqual([1, 0.5, 100, -0.25, 10, 31]);
  });

  it.each(golden.literals)("are read as data: %s", (text, value) => {
    expect(readLiteral(text).value).toEqual(value);
  });

  it.each([
    "f()",
    "[1 2]",
    "'a",
    "{1}",
    "a",
    "[1]]",
    "__import__('os')",
    "'\\N{DASH}'",
    "'\\UFFFFFFFF'",
    "[".repeat(200),
  ])("are nothing else: %s", (text) => {
    expect(() => readLiteral(text)).toThrow(LiteralError);
  });
});
