import { describe, expect, it } from "vitest";
import { memberSpans, withMembers } from "../../../lib/tokenizer/jsonMembers.js";
import fc from "../../properties.js";

/** An object as its author might have laid it out; keys without the one that setters treat specially. */
const objects = fc.dictionary(
  fc.string().filter((key) => key !== "__proto__"),
  fc.jsonValue(),
);
const layouts = fc.constantFrom(undefined, 1, 2, "\t");

describe("a JSON object's text", () => {
  it("has the spans of its members' values", () => {
    fc.assert(
      fc.property(objects, layouts, (value, layout) => {
        const text = JSON.stringify(value, undefined, layout);
        const spans = memberSpans(text);
        expect([...spans.keys()].sort()).toEqual(Object.keys(value).sort());
        for (const [key, { start, end }] of spans) {
          expect(JSON.parse(text.slice(start, end))).toEqual(JSON.parse(JSON.stringify(value[key])));
        }
      }),
    );
  });

  it("changes in the named members alone, and gets those that it lacks", () => {
    fc.assert(
      fc.property(objects, objects, layouts, (value, changes, layout) => {
        const text = JSON.stringify(value, undefined, layout);
        const edits = new Map(Object.entries(changes).map(([key, change]) => [key, JSON.stringify(change)]));
        const edited = withMembers(text, edits);
        expect(JSON.parse(edited)).toEqual(JSON.parse(JSON.stringify({ ...value, ...changes })));
      }),
    );
  });

  it("keeps every byte outside the changed members", () => {
    const text = '{ "big": 1000000000000000019884624838656,\r\n  "x" : [1.0, "\\u00e9\\"}"], "y":null }\n';
    expect(withMembers(text, new Map([["x", "2"]]))).toBe(
      '{ "big": 1000000000000000019884624838656,\r\n  "x" : 2, "y":null }\n',
    );
  });

  it("gets members where it had none", () => {
    expect(JSON.parse(withMembers("{}", new Map([["a", "1"]])))).toEqual({ a: 1 });
    expect(JSON.parse(withMembers(" {\n} ", new Map([["a", "1"]])))).toEqual({ a: 1 });
  });

  it("of a repeated key changes the last, which is the one that counts", () => {
    expect(JSON.parse(withMembers('{"a":1,"a":2}', new Map([["a", "3"]])))).toEqual({ a: 3 });
  });

  it("has its spans however deep what a repeated key hides is nested", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(withMembers(`{"a":${deep},"a":1, "b":{}}`, new Map([["a", "2"]]))).toBe(`{"a":${deep},"a":2, "b":{}}`);
  });
});
