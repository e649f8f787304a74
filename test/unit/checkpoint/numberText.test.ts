import { describe, expect, it } from "vitest";
import { parseWithInfinity, rewriteJson } from "../../../lib/checkpoint/numberText.js";

const same = (value: unknown) => value;

describe("rewriteJson", () => {
  it("keeps the spelling of every number that does not change", () => {
    const text = `{
  "soft": 30.0,
  "eps": 1e-06,
  "big": 123456789012345678901,
  "limit": [0.0, -Infinity, NaN],
  "plain": 12,
  "text": "30.0 and \\"1e-06\\""
}`;
    const compact = (json: string) => json.replaceAll(/\s+/g, " ");
    expect(compact(rewriteJson(text, same))).toBe(
      compact(text).replace("[0.0, -Infinity, NaN]", "[ 0.0, -Infinity, NaN ]"),
    );
  });

  it("writes what changes, and moves numbers with what they belong to", () => {
    const text = '{"layers": 2, "scales": [1.0, 2.0]}';
    const changed = rewriteJson(text, (value) => {
      const { scales } = value as { scales: unknown[] };
      return { layers: 3, scales: [scales[1], scales[0], scales[1]] };
    });
    expect(changed.replaceAll(/\s+/g, "")).toBe('{"layers":3,"scales":[2.0,1.0,2.0]}');
  });

  it("takes no string for a number, however it is written", () => {
    for (const text of [
      '{"a":"number:5","b":5.0}',
      '{"a":"\\u006eumber:5","b":5.0}',
      '{"a":"_number:5 number:","b":5.0}',
    ]) {
      const again = rewriteJson(text, same);
      expect(again).toContain("5.0");
      expect(JSON.parse(again)).toEqual(JSON.parse(text));
    }
  });

  it("takes strings of a hundred thousand escapes", () => {
    const text = `{"a":"${'\\"1.0'.repeat(100_000)}","b":1.0}`;
    expect(rewriteJson(text, same).endsWith('"b": 1.0\n}')).toBe(true);
  });
});

describe("parseWithInfinity", () => {
  it("reads what Python writes for numbers that JSON does not have", () => {
    expect(parseWithInfinity('{"a":[0.0,Infinity,-Infinity],"b":NaN,"c":"NaN"}')).toEqual({
      a: [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      b: Number.NaN,
      c: "NaN",
    });
    expect(() => parseWithInfinity('{"a":Infinite}')).toThrow(SyntaxError);
    expect(() => parseWithInfinity('{"a":01}')).toThrow(SyntaxError);
  });
});
