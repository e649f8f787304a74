// A lock for file systems that offer none, and for machines without the addon: a file that exists while its owner lives.
// Weaker than the kernel's, which goes with its process: what a dead process left is taken over where that is certain.

import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { LockAttempt } from "./lockAttempt.js";
import { holderIn, isGone, type LockHolder, thisProcess } from "./lockHolder.js";

/** @throws what the file system throws where the file cannot be made */
export function tryOwnerFile(path: string): LockAttempt {
  for (;;) {
    const own = JSON.stringify({ ...thisProcess(), token: randomBytes(8).toString("hex") });
    try {
      writeFileSync(path, own, { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = holderIn(path);
      if (holder === undefined || !isGone(holder)) return { holder, file: path };
      takeAway(path, holder);
      continue;
    }
    return {
      lock: {
        release() {
          if (textOf(path) === own) rmSync(path, { force: true });
        },
      },
    };
  }
}

/** Of several that find the owner dead, one moves its file away; one that moved a living owner's file puts it back. */
function takeAway(path: string, dead: LockHolder): void {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (JSON.stringify(holderIn(aside)) !== JSON.stringify(dead)) {
    try {
      linkSync(aside, path);
    } catch {} // a third one took the lock meanwhile
  }
  rmSync(aside, { force: true });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
