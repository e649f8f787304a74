// UTF-8 that arrives in pieces: how many bytes at the end wait for more.

/**
 * Number of bytes at the end (0 to 3) that begin a character which further bytes may complete. What comes before decodes
 * the same whatever follows.
 */
export function incompleteTail(bytes: Uint8Array): number {
  const last = bytes.length - 1;
  for (let tail = 1; tail <= Math.min(3, bytes.length); tail += 1) {
    const lead = bytes[last - tail + 1] as number;
    if (lead < 0x80) return 0;
    if (lead < 0xc0) continue;
    const length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) === 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
    if (tail >= length) return 0;
    return tail === 1 || mayFollow(lead, bytes[last - tail + 2] as number) ? tail : 0;
  }
  return 0;
}

/** Whether a lead byte of three or four may have this second byte (Unicode, table 3-7: no overlong forms, no surrogates). */
function mayFollow(lead: number, second: number): boolean {
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return second >= lowest && second <= highest;
}

/** Text of bytes; what is no UTF-8 becomes U+FFFD, one for each maximal part of a character. */
export function decodeUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
