// All bytes are written, also where a call takes fewer than it was given.

import type { FileHandle } from "node:fs/promises";
import { expect, it } from "vitest";
import { writeAll } from "../../../lib/files/writeAll.js";

it("goes on where a call wrote fewer bytes than it was given", async () => {
  const file = Buffer.alloc(12, ".");
  // A disk cannot be asked for short writes: this handle makes them.
  const handle = {
    async write(bytes: Uint8Array, offset: number, length: number, position: number) {
      const bytesWritten = Math.min(3, length);
      file.set(bytes.subarray(offset, offset + bytesWritten), position);
      return { bytesWritten };
    },
  };
  expect(await writeAll(handle as unknown as FileHandle, Buffer.from("retemper"), 2)).toBe(8);
  expect(file.toString()).toBe("..retemper..");
});
