// Closes whatever was opened for a work, in the order opposite to that in which it was opened, however the work ends.

export type Close = () => Promise<void> | void;

/**
 * Does `work`, which adds to `closes` what it opens, then closes all of it, the last one first. A close that fails holds up no other.
 * @throws the work's own error; where it has none, that of the first close that failed
 */
export async function closingAfter<T>(closes: Close[], work: (closes: Close[]) => Promise<T>): Promise<T> {
  const failures: unknown[] = [];
  let done: { readonly value: T } | undefined;
  try {
    done = { value: await work(closes) };
  } catch (error) {
    failures.push(error);
  }
  for (const close of closes.reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0 || !done) throw failures[0];
  return done.value;
}
