// What a push tells of its way, for whoever makes speed and time left of it.

export interface ByteCounter {
  /** "read": digests are made of so many bytes; "send": so many bytes are to go out. */
  begin(phase: "read" | "send", bytes: number): void;
  /** So many of the phase are done. */
  at(bytes: number): void;
  /** So many more went out; less than 0 where they must go out again. */
  moved(bytes: number): void;
  /** So many need not go out, because an earlier push sent them; less than 0 where they must all the same. */
  skipped(bytes: number): void;
}
