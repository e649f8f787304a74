import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventsOf } from "../../../../lib/play/page/eventStream.js";

/** The text in pieces that end wherever they like, within characters too. */
function inPieces(text: string, sizes: readonly number[]): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return new ReadableStream({
    start(controller) {
      let from = 0;
      for (const size of [...sizes, bytes.length]) {
        controller.enqueue(bytes.slice(from, from + size));
        from += size;
      }
      controller.close();
    },
  });
}

async function all(body: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const events of eventsOf(body)) found.push(...events);
  return found;
}

describe("the events of a stream", () => {
  it("are the same wherever its pieces end", async () => {
    const value = fc.record({ text: fc.string({ unit: "grapheme" }), point: fc.nat(15) });
    await fc.assert(
      fc.asyncProperty(fc.array(value), fc.array(fc.integer({ min: 1, max: 9 })), async (values, sizes) => {
        const text = values.map((one) => `: a comment\n\ndata: ${JSON.stringify(one)}\n\n`).join("");
        expect(await all(inPieces(text, sizes))).toEqual(values);
      }),
    );
  });

  it("leave the stream when nobody reads them any more", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode('data: {"more": true}\n\n')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const events of eventsOf(body)) {
      expect(events).toEqual([{ more: true }]);
      break;
    }
    expect(cancelled).toBe(true);
  });
});
