// Bytes that come in pieces, against the platform's own decoder.

import { describe, expect, it } from "vitest";
import { decodeUtf8, incompleteTail } from "../../../../lib/tokenizer/text/utf8.js";
import fc from "../../../properties.js";

/** Bytes of characters, cut, doubled and with others among them. */
const someBytes = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 3 }).map((text) => [...Buffer.from(text)]),
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 }),
      fc.constantFrom(
        [0xe2, 0x82],
        [0xf0, 0x9f, 0x98],
        [0xc3],
        [0xed, 0xa0],
        [0xf4, 0x90],
        [0xe0, 0x80],
        [0xf5],
        [0xc1],
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Uint8Array.from(parts.flat()));

describe("bytes that come in pieces", () => {
  it("are the same text as together, when each piece but the last leaves its incomplete tail to the next", () => {
    fc.assert(
      fc.property(fc.array(someBytes, { maxLength: 6 }), (pieces) => {
        let held = new Uint8Array();
        let text = "";
        for (const piece of pieces) {
          const bytes = new Uint8Array([...held, ...piece]);
          const certain = bytes.length - incompleteTail(bytes);
          text += decodeUtf8(bytes.subarray(0, certain));
          held = bytes.slice(certain);
        }
        const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
          Uint8Array.from(pieces.flatMap((p) => [...p])),
        );
        expect(text + decodeUtf8(held)).toBe(whole);
      }),
      { numRuns: 5000 },
    );
  });

  it("are held back only while they can become a character", () => {
    const tail = (...bytes: number[]): number => incompleteTail(Uint8Array.from(bytes));
    expect([tail(), tail(0x41), tail(0xc3), tail(0x41, 0xe2, 0x82), tail(0xf0, 0x9f, 0x98)]).toEqual([0, 0, 1, 2, 3]);
    expect([tail(0xc3, 0xa9), tail(0x80), tail(0xc1), tail(0xf5), tail(0xe0, 0x80), tail(0xed, 0xa0)]).toEqual([
      ...[0, 0, 0, 0, 0, 0],
    ]);
  });
});
