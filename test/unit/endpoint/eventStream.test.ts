// Server-sent events, whatever the pieces in which they come.

import { describe, expect, it } from "vitest";
import { readEvents } from "../../../lib/endpoint/eventStream.js";
import fc from "../../properties.js";

async function events(...chunks: readonly (string | Uint8Array)[]): Promise<string[]> {
  const found: string[] = [];
  async function* bytes() {
    for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  }
  for await (const event of readEvents(bytes())) found.push(event);
  return found;
}

describe("a stream of events", () => {
  it("gives each event's data, with comments, names and empty lines left out", async () => {
    const text = ": hello\n\nevent: x\nid: 1\ndata: one\n\ndata:two\ndata: lines\n\n\n\ndata\n\ndata: three\n\n";
    expect(await events(text)).toEqual(["one", "two\nlines", "three"]);
  });

  it("is the same for any ends of lines and any cuts", async () => {
    const line = fc.constantFrom("\n", "\r\n");
    const data = fc.array(fc.string({ unit: fc.constantFrom("a", " ", "é", "😀", ":"), minLength: 1 }), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(data, line, fc.array(fc.nat(200), { maxLength: 10 }), async (texts, end, cuts) => {
        const bytes = Buffer.from(texts.map((text) => `data: ${text}${end}${end}`).join(""));
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((x, y) => x - y), bytes.length];
        const chunks = places.slice(1).map((to, at) => bytes.subarray(places[at], to));
        expect(await events(...chunks)).toEqual(texts);
      }),
    );
  });

  it("takes a single carriage return as a line's end, even at a cut", async () => {
    expect(await events("data: a\r\r", "data: b\r", "\ndata: c\r\n\r\n")).toEqual(["a", "b\nc"]);
  });

  it("leaves out a last event that was cut off, but not the mark of the end", async () => {
    expect(await events("data: one\n\ndata: tw")).toEqual(["one"]);
    expect(await events("data: one\n\ndata: [DONE]")).toEqual(["one", "[DONE]"]);
    expect(await events("data: one\n\ndata: [DONE]\n")).toEqual(["one", "[DONE]"]);
  });

  it("refuses an event without end", async () => {
    const endless = Array.from({ length: 80 }, () => "data: ".concat("x".repeat(65_536)));
    await expect(events(...endless)).rejects.toThrow(/has no end/);
    await expect(events(...endless.map((line) => `${line}\n`))).rejects.toThrow(/has no end/);
  });
});
