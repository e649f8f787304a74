// Server-sent events: the data of each, whatever the pieces in which their bytes arrive. WHATWG HTML, "Server-sent events".

import { Garbage } from "./reply.js";

/** Longest data of one event, in characters: no server sends a token in more. */
const MAX_EVENT = 4 * 1024 * 1024;

/** @throws Garbage for an event without end. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let held = "";
  let data: string[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    held += decoder.decode(chunk, { stream: true });
    if (held.length + size > MAX_EVENT) throw new Garbage("an event of its stream has no end");
    // A carriage return at the end may be the first half of a line's end.
    const end = held.endsWith("\r") ? held.length - 1 : held.length;
    const lines = held.slice(0, end).split(/\r\n|\r|\n/);
    held = (lines.pop() as string) + held.slice(end);
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n");
        data = [];
        size = 0;
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        size += line.length;
      }
    }
  }
  // A last event that no empty line ended was cut off, unless the server says that this was all.
  if (held.startsWith("data:")) data.push(held.slice(5).trimStart());
  if (data.join("\n").trim() === "[DONE]") yield "[DONE]";
}
