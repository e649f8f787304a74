// A part of failEach.mjs, which lets every call fail: `node test/faults/failEach.mjs`; CI lets 20 of each command fail.

import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { long } from "../long.js";
import { failEach } from "./failEach.mjs";
import { cannotInterrupt, interrupt } from "./interrupt.mjs";

const reason = cannotInterrupt();

describe.skipIf(reason !== undefined)(
  `a system call that fails${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    const commands: [string, number][] = [
      ["merge", 4],
      ["evaluate", 4],
      ["tune", 2],
      ["generate", 2],
    ];
    it.runIf(long).each(commands)(
      "ends %s with its code, the file and a remedy, harms no output, and the next run has the same bytes",
      async (name, most) => {
        // Reads, writes, sizes, flushes, names and folders: EIO, EINTR, short ones, ENOSPC, EDQUOT, EFBIG, EACCES, EROFS, EMFILE.
        const { faults, problems } = await failEach(name, { most });
        expect(problems).toEqual([]);
        expect(faults).toBeGreaterThan(most / 2);
      },
    );

    it.runIf(long)("ends an evaluation as a full disk does where the quota is used up", async () => {
      const { faults, problems } = await failEach("evaluate", {
        kinds: "write",
        errno: "EDQUOT",
        on: /journal/,
        most: 2,
      });
      expect(problems).toEqual([]);
      expect(faults).toBe(2);
    });

    it.runIf(long).each(["redata", "replace"])(
      "leaves an output that %s was to replace where its new name cannot be made sure of",
      async (name) => {
        const { faults, problems } = await failEach(name, { kinds: "sync", errno: "EIO" });
        expect(problems).toEqual([]);
        expect(faults).toBeGreaterThan(2);
      },
    );

    it.each(["short", constants.errno.EINTR] as const)(
      "leaves no hole in a file of answers where a read is %s",
      async (action) => {
        const folder = realpathSync(mkdtempSync(join(tmpdir(), "retemper-answers-")));
        try {
          const script = fileURLToPath(new URL("fixtures/sortAnswers.mjs", import.meta.url));
          const file = join(folder, "answers.jsonl");
          const { calls } = await interrupt([file], { folder, script, kinds: "read" });
          const whole = readFileSync(file, "utf8");
          expect(whole).toMatch(/^\{"index":0.*\n\{"index":1.*\n\{"index":2.*\n$/);
          expect(calls.length).toBeGreaterThanOrEqual(3);
          for (let at = 1; at <= calls.length; at++) {
            rmSync(file);
            const { status } = await interrupt([file], { folder, script, kinds: "read", at, action });
            expect(status).toBe(0);
            expect(readFileSync(file, "utf8")).toBe(whole);
          }
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    );

    it.runIf(long)("makes no other model of one whose files cannot be read", async () => {
      const most = long ? 4 : 1;
      const on = /demo\/model\/(config|tokenizer)\.json$/;
      const { faults, problems } = await failEach("generate", { kinds: "read", errno: "EIO", on, most });
      expect(problems).toEqual([]);
      expect(faults).toBe(most);
    });
  },
);
