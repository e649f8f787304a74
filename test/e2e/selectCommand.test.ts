// `retemper select`: choices, gates and exit codes.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Selection } from "../../lib/select/types.js";
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
    expect(stdout).toMatch(
      /^series +lambda +score +gain kept +ASR +above aligned +bound 95 % +bound 97.5 % +qualifies$/m,
    );
    expect(stdout).toMatch(/^linear +0.4 +0.900 +- +0.120 +0.120 +0.154 +0.160 +yes$/m);
    expect(stdout).toMatch(/^slerp +0.6 .* no: the upper bound of its difference, 0.280 at 97.5 %, is above 0.2$/m);
    expect(stdout).toContain("  0.3: slerp 0.6, score 1.000, ASR 0.240");
  });

  it("ends with 10 where nothing passes the gate, and says so as JSON", async () => {
    const { status, stdout, stderr } = await run([
      ...["select", join(results, "results.json"), "--rule", "score"],
      ...["--gate", "asr <= aligned + 0.02", "--json"],
    ]);
    expect(status).toBe(10);
    expect(stderr).toContain("None of 3 candidates passes the gate asr <= aligned + 0.02.");
    const answer = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { error: object; result: Selection };
    expect(answer.error).toMatchObject({ code: "GATE", exitStatus: 10 });
    expect(answer.result.verdicts).toHaveLength(3);
    expect(answer.result.verdicts[0]).toMatchObject({
      passes: false,
      reason: expect.stringContaining("it does not pass asr <= aligned + 0.02"),
    });
  });

  it("compares items in pairs, with verdicts and without the items as JSON", async () => {
    const of = (ones: number) => ({
      value: ones / 100,
      values: [Array.from({ length: 100 }, (_, at) => +(at < ones))],
    });
    const point = (score: number, asr: number) => ({ score: of(score), asr: of(asr), overRefusal: of(4) });
    const table = {
      aligned: point(10, 10),
      tuned: point(90, 60),
      candidates: [0.2, 0.4, 0.6].map((lambda, at) => ({ method: "linear", lambda, ...point(40 + 20 * at, 10 + at) })),
    };
    const file = join(folder, "items.json");
    writeFileSync(file, JSON.stringify(table));
    const gate = ["--gate", "overRefusal <= aligned + .05"];
    const { status, stdout } = await run(["select", file, "--rule", "constrained:.05", ...gate, "--json"]);
    expect(status).toBe(0);
    expect(stdout).not.toContain('"values"');
    const { result } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { result: Selection };
    expect(result.overall.candidate?.lambda).toBe(0.4);
    expect(result.verdicts.map(({ passes, plain }) => [passes, plain.basis])).toEqual([
      [false, "paired"], // keeps 38 % of the gain
      [true, "paired"],
      [false, "paired"],
    ]);
    const strict = ["--min-gain", ".9", "--level", ".9", "--every-seed"];
    const none = await run(["select", file, "--rule", "constrained:.05", ...strict]);
    expect(none.status).toBe(10);
    expect(none.stderr).toContain("Nothing qualifies");
    expect(none.stdout).toMatch(/^linear +0.6 .* no: it keeps 88 % of the fine-tuned model's gain, less than 90 %/m);
    expect((await run(["select", file, "--gate", "worstCategory <= .1"])).stderr).toContain("there are no categories");
    expect((await run(["select", file, "--level", "95"])).status).toBe(2);
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
