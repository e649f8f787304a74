// A GPU whose memory another process has taken: a merge on it fails with DEVICE and leaves nothing, or needs so little
// that it succeeds with the same bytes; on the CPU it always does.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reason } from "./device.js";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let folder = "";

async function fill(leave: number): Promise<ChildProcessWithoutNullStreams> {
  const child = spawn(join(folder, "fillMemory"), [String(leave)]);
  const [line] = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  expect(String(line)).toBe("full\n");
  return child;
}

/** In a process of its own, which starts without a context on the GPU. */
function merge(device: string): { readonly code?: string; readonly message?: string; readonly sha256?: string } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [fixture("mergeOnce.mjs"), folder, device], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe.skipIf(reason !== undefined)("a GPU without free memory", () => {
  let expected: string | undefined;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "retemper-gpu-memory-"));
    execFileSync("cc", ["-O1", "-o", join(folder, "fillMemory"), fixture("fillMemory.c"), "-ldl"]);
    expected = merge("cpu").sha256;
    expect(expected).toMatch(/^[0-9a-f]{64}$/);
    expect(merge("cuda").sha256).toBe(expected);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([0, 300e6, 600e6, 1200e6])(
    "fails with DEVICE or writes the same bytes, %d bytes being free",
    async (leave) => {
      const filler = await fill(leave);
      try {
        const { code, message, sha256 } = merge("cuda");
        if (sha256 === undefined) {
          expect(code).toBe("DEVICE");
          expect(message).toMatch(/memory/);
          expect(existsSync(join(folder, "out.bin"))).toBe(false);
        } else {
          expect(sha256).toBe(expected);
        }
        expect(merge("cpu").sha256).toBe(expected);
      } finally {
        filler.stdin.end();
        await once(filler, "exit");
      }
      expect(merge("cuda").sha256).toBe(expected);
      expect(readFileSync(join(folder, "out.bin")).length).toBeGreaterThan(0);
    },
  );
});
