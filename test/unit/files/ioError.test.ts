// What failed system calls become: one code and one remedy, whoever made the call.

import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { failureOf } from "../../../lib/files/failureOf.js";
import { ioError, isFileError } from "../../../lib/files/ioError.js";

const failed = (code: string, syscall = "write", path?: string) =>
  Object.assign(new Error(`${code}: it failed, ${syscall}`), { code, syscall, ...(path !== undefined && { path }) });

describe("a failed system call", () => {
  it.each([
    ["ENOSPC", "NO_SPACE", 6, /free some space/],
    ["EDQUOT", "NO_SPACE", 6, /quota/],
    ["EFBIG", "NO_SPACE", 6, /ulimit -f/],
    ["EROFS", "IO", 7, /read-only/],
    ["EACCES", "IO", 7, /permissions/],
    ["EMFILE", "IO", 7, /ulimit -n/],
    ["ENOMEM", "OUT_OF_MEMORY", 8, /memory/],
  ])("%s is %s, exit %i, with what helps", (code, expected, exitStatus, hint) => {
    const error = ioError(failed(code), "out/a", "cannot write");
    expect(error).toMatchObject({ code: expected, exitStatus, file: "out/a", hint: expect.stringMatching(hint) });
    expect(error.message).toMatch(/^out\/a: cannot write: /);
    // and the same where nobody caught it
    expect(failureOf(failed(code, "open", "out/a"))).toMatchObject({ code: expected, exitStatus, file: "out/a" });
  });

  it.each(["Unknown system error -122", "UNKNOWN"])("is told by its number where Node calls it %s", (code) => {
    const error = Object.assign(failed(code), { errno: -constants.errno.EDQUOT });
    expect(ioError(error, "out/a", "cannot write")).toMatchObject({
      code: "NO_SPACE",
      hint: expect.stringMatching(/quota/),
    });
    expect(isFileError(error)).toBe(true);
  });

  it("says what is kept only where space ran out", () => {
    expect(ioError(failed("ENOSPC"), "a", "cannot write", "start again").hint).toMatch(/; start again$/);
    expect(ioError(failed("EROFS"), "a", "cannot write", "start again").hint).not.toContain("start again");
  });

  it("of the addon keeps the addon's code and hint", () => {
    const native = Object.assign(new Error("no room"), { code: "NO_SPACE", hint: "smaller shards" });
    expect(ioError(native, "a", "cannot write")).toMatchObject({ code: "NO_SPACE", hint: "smaller shards" });
    expect(failureOf(native)).toMatchObject({ code: "NO_SPACE", hint: "smaller shards" });
  });

  it("is told from a server's refusal and from a mistake in a program", () => {
    expect(isFileError(failed("EROFS"))).toBe(true);
    expect(isFileError(failed("ECONNREFUSED", "connect"))).toBe(false);
    expect(failureOf(new TypeError("x is undefined"))).toMatchObject({ code: "INTERNAL", exitStatus: 1 });
    const own = new RetemperError("GATE", "none");
    expect(failureOf(own)).toBe(own);
  });
});
