// The lines of a text/event-stream, as they come: each event's data is JSON.

/** The events of each piece that came, together: what came at once is shown at once. */
export async function* eventsOf<T>(body: ReadableStream<Uint8Array>): AsyncGenerator<readonly T[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      const events = lines.filter((line) => line.startsWith("data:")).map((line) => JSON.parse(line.slice(5)) as T);
      if (events.length > 0) yield events;
    }
  } finally {
    reader.cancel().catch(() => {}); // the reader has left: so may the server
  }
}
