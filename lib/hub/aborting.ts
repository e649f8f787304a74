// Requests that end when their signal does, whatever fetch, which takes the signal too, makes of it: whoever waits for a
// download is told at once.

/**
 * What comes of `work`, or the signal's reason as soon as it has one.
 * @param late called with what comes all the same
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, late: (value: T) => void): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const stop = () => {
      reject(signal.reason);
      work.then(late, () => {});
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** An answer that nobody reads any more. */
export function leave({ body }: Response): void {
  body?.cancel().catch(() => {});
}

/**
 * The body's pieces, as they come. The connection is closed where they are not read to their end.
 * @throws what ends the connection; the signal's reason
 */
export async function* chunksOf({ body }: Response, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await orAborted(reader.read(), signal, () => {});
      if (done) return;
      yield value as Uint8Array;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
