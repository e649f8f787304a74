// What is said of results that are not there, and of those that the system does not give.

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readResults } from "../../../../lib/evaluate/run/readResults.js";

describe("results", () => {
  it("that are not there are BAD_INPUT", async () => {
    await expect(readResults(join(import.meta.dirname, "nowhere"))).rejects.toMatchObject({ code: "BAD_INPUT" });
    await expect(readResults(import.meta.dirname)).rejects.toMatchObject({ code: "BAD_INPUT" });
  });

  it.skipIf(process.platform !== "linux")("that cannot be read are IO, and not absent", async () => {
    const file = "/proc/self/mem"; // page 0 is not mapped: reading it is EIO
    await expect(readResults(file)).rejects.toMatchObject({ code: "IO", file });
  });
});
