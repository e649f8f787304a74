import { describe, expect, it } from "vitest";
import { jsonFault } from "../../../lib/checkpoint/jsonFault.js";
import fc from "../../properties.js";

describe("the fault of a text that is no JSON", () => {
  it("is in no valid text", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonFault(text)).toBeUndefined();
      }),
    );
  });

  it("is what follows a complete value", () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 2 }), (value) => {
        const text = JSON.stringify(value);
        expect(jsonFault(`${text}#`)).toEqual({ deep: false, line: 1, column: text.length + 1 });
        expect(jsonFault(`[\n${text}#`)).toEqual({ deep: false, line: 2, column: text.length + 1 });
      }),
    );
  });

  it("has a place in every text that JSON.parse refuses, and in no other", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"',
      "\\",
      "\\n",
      "\\u12",
      "1",
      "0",
      "-",
      ".5",
      "e3",
      "null",
      "nul",
    ];
    const unusual = [" ", "\n", "\t", "\u00a0", "\u0001", "\u2028", "/*x*/", "//y\n", "NaN", "Infinity", "é", "\ufeff"];
    const texts = fc.array(fc.constantFrom(...pieces, ...unusual), { maxLength: 10 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        fc.oneof(
          texts,
          fc.json().map((text) => text.replace(/[,:}\]"]/, "")),
        ),
        (text) => {
          const isJson = (() => {
            try {
              JSON.parse(text);
              return true;
            } catch {
              return false;
            }
          })();
          expect(jsonFault(text) === undefined).toBe(isJson);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("is found behind a string of a million escapes", () => {
    const text = `{"a": "${"\\\\n".repeat(1_000_000)}"`;
    expect(jsonFault(`${text} #`)).toEqual({ deep: false, line: 1, column: text.length + 2 });
  });

  it("is the nesting, however deep it goes on", () => {
    const place = { deep: true, line: 2, column: 200 };
    const start = `{"a":\n[${"[".repeat(198)}`;
    expect(jsonFault(`${start}${"]".repeat(199)}}`)).toBeUndefined();
    expect(jsonFault(`${start}${'{"b":['.repeat(1_000_000)}`)).toEqual(place);
    expect(jsonFault(`{"a":\n${"[".repeat(1_000_000)}`)).toEqual(place);
  });
});
