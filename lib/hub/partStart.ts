// Where in its file a part begins that a server sent.

/** Byte of the file, as content-range says it; undefined where it says none. */
export function partStart({ headers }: Response): number | undefined {
  const begins = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1];
  return begins === undefined ? undefined : Number(begins);
}
