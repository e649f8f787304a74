// Options that may be given several times.

/** Collects the values of such an option, for commander. */
export function repeated(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
