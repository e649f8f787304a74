// `retemper select`: choices, gates and exit codes.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const results = join(folder, "results");
const quantity = (value: number) => ({ value, low: Math.max(0, value - 0.04), high: value + 0.04 });
const candidates = [
  { method: "linear", lambda: 0.2, score: quantity(0.1), asr: quantity(0.04) },
  { method: "linear", lambda: 0.4, score: quantity(0.9), asr: quantity(0.12) },
  { method: "slerp", lambda: 0.6, score: quantity(1), asr: quantity(0.24) },
];
mkdirSync(results);
writeFileSync(
  join(results, "results.json"),
  JSON.stringify({ validation: { aligned: { score: quantity(0), asr: { value: 0 } }, candidates } }),
);

describe("retemper select", () => {
  it("says what it chose, for each method, and with other margins", async () => {
    const { status, stdout } = await run(["select", results, "--rule", "constrained:0.2"]);
    expect(status).toBe(0);
    expect(stdout).toContain("linear at lambda 0.4 has the best validation score of the 2 of 3 candidates");
    expect(stdout).toMatch(/slerp +nothing qualifies/);
    expect(stdout).toContain("  0.3: slerp 0.6, score 1.000, ASR 0.240");
  });

  it("ends with 10 where nothing passes the gate, and says so as JSON", async () => {
    const { status, stdout, stderr } = await run([
      ...["select", join(results, "results.json"), "--rule", "score"],
      ...["--gate", "asr <= aligned + 0.02", "--json"],
    ]);
    expect(status).toBe(10);
    expect(stderr).toContain("None of 3 candidates passes the gate asr <= aligned + 0.02.");
    const answer = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { error: object };
    expect(answer.error).toMatchObject({ code: "GATE", exitStatus: 10 });
  });

  it("ends with 2 for a wrong gate or rule, and 4 for what is no table", async () => {
    expect((await run(["select", results, "--gate", "asr < = 1"])).status).toBe(2);
    expect((await run(["select", results, "--rule", "best"])).status).toBe(2);
    expect((await run(["select", folder])).status).toBe(4);
    const broken = join(folder, "broken.json");
    writeFileSync(broken, JSON.stringify({ aligned: {}, candidates: [{ method: "linear" }] }));
    const { status, stderr } = await run(["select", broken]);
    expect(status).toBe(4);
    expect(stderr).toMatch(/aligned\.score.*candidates\.0\.score/);
  });
});
