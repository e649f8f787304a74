// How far a push is: bytes of files that are read for their digests, then bytes that go out, with the time left.

import type { ByteCounter } from "../hub/push/byteCounter.js";
import { Speed } from "../progress/speed.js";

export interface PushProgress {
  /** "read": the digests are made; "send": bytes go out. */
  readonly phase: "read" | "send";
  /** In bytes. */
  readonly done: number;
  readonly total: number;
  readonly bytesPerSecond: number;
  /** Undefined until it was measured. */
  readonly secondsLeft: number | undefined;
}

export function progressOf(onProgress: ((progress: PushProgress) => void) | undefined): ByteCounter {
  let phase: PushProgress["phase"] = "read";
  let [done, total] = [0, 0];
  let speed = new Speed({ first: 0.5 });
  let last = performance.now();
  const tell = (moved: number) => {
    const now = performance.now();
    // What goes out again, and what an earlier push sent, is no speed.
    speed.add(Math.max(0, moved), (now - last) / 1000);
    last = now;
    const perSecond = speed.perSecond;
    onProgress?.({
      ...{ phase, done, total, bytesPerSecond: perSecond ?? 0 },
      secondsLeft: perSecond === undefined ? undefined : Math.max(0, total - done) / perSecond,
    });
  };
  return {
    begin(next, bytes) {
      [phase, done, total] = [next, 0, bytes];
      speed = new Speed({ first: 0.5 });
      last = performance.now();
      if (bytes > 0) tell(0);
    },
    at(bytes) {
      const moved = bytes - done;
      done = bytes;
      tell(moved);
    },
    moved(bytes) {
      done += bytes;
      tell(bytes);
    },
    skipped(bytes) {
      done += bytes;
      tell(0);
    },
  };
}
