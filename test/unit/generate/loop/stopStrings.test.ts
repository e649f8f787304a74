import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StopStrings } from "../../../../lib/generate/loop/stopStrings.js";

/** What comes out of an answer that grows by these pieces, piece by piece, with the rest at the end. */
function run(stops: readonly string[], pieces: readonly string[]) {
  const stream = new StopStrings(stops);
  const out = pieces.map((piece) => stream.add(piece));
  return { out, text: out.join("") + stream.end(), stopped: stream.stopped };
}

describe("StopStrings", () => {
  it("finds a stop text that lies across pieces, and holds back what may be its beginning", () => {
    expect(run(["\n\n"], ["one\n", "two\n", "\nthree"])).toEqual({
      out: ["one", "\ntwo", ""],
      text: "one\ntwo",
      stopped: true,
    });
    expect(run(["STOP"], ["a S", "T", "O", "P b"]).out).toEqual(["a ", "", "", ""]);
  });

  it("gives back what looked like a beginning and was none", () => {
    expect(run(["STOP"], ["a ST", "AY"])).toEqual({ out: ["a ", "STAY"], text: "a STAY", stopped: false });
    expect(run(["aab"], ["aa", "a", "b"])).toEqual({ out: ["", "a", ""], text: "a", stopped: true });
  });

  it("gives what was held back when the answer ends otherwise", () => {
    expect(run(["END"], ["the EN"])).toEqual({ out: ["the "], text: "the EN", stopped: false });
  });

  it("cuts at the earliest of several stop texts, and gives nothing afterwards", () => {
    expect(run(["Q", "\n\n"], ["a\n\nQ", "more"])).toEqual({ out: ["a", ""], text: "a", stopped: true });
  });

  it("cuts any text where a search in the whole of it would, however it is cut into pieces", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(letters, stop, fc.array(fc.nat(30), { maxLength: 8 }), (text, one, cuts) => {
        const borders = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort(
          (a, b) => a - b,
        );
        const pieces = borders.slice(1).map((end, i) => text.slice(borders[i], end));
        const at = text.indexOf(one);
        const found = run([one], pieces);
        expect(found.text).toBe(at < 0 ? text : text.slice(0, at));
        expect(found.stopped).toBe(at >= 0);
      }),
    );
  });
});
