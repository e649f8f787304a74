// One folder for all that the tests make in the place for temporary files: it is removed when they have ended, also what
// a test that was stopped, or a process that it killed, has left behind.

import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function setup(): (() => void) | undefined {
  if (process.env.RETEMPER_TEST_PLACE !== undefined) return undefined; // set up by another of vitest's projects
  const before = process.env.TMPDIR;
  const place = realpathSync(mkdtempSync(join(tmpdir(), "rt-")));
  chmodSync(place, 0o755); // tests whose commands run as another user find their files
  process.env.RETEMPER_TEST_PLACE = place;
  process.env.TMPDIR = place; // the workers that run the tests have it too
  return () => {
    rmSync(place, { recursive: true, force: true });
    delete process.env.RETEMPER_TEST_PLACE;
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  };
}
