import { describe, expect, it } from "vitest";
import { requireLinux } from "../../../../lib/evaluate/sandbox/openSandbox.js";

describe("a sandbox on a system other than Linux", () => {
  it("is refused before anything is looked for, with the system's name and what to do", () => {
    expect(() => requireLinux("darwin")).toThrow(
      expect.objectContaining({
        code: "SANDBOX",
        message: "Programs that a model wrote are run on Linux only; this system is darwin.",
        hint: expect.stringContaining("Linux machine"),
      }),
    );
    expect(() => requireLinux("linux")).not.toThrow();
  });
});
