// `retemper data`: rows from a file, what it says, and its exit codes.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const source = join(folder, "magicoder.jsonl");
const rows = ["python", "rust"].flatMap((lang) =>
  Array.from({ length: 20 }, (_, i) => ({ lang, problem: `Add ${i} in ${lang}`, solution: `x + ${i}` })),
);
writeFileSync(source, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));

describe("retemper data", () => {
  it("writes rows and says what they are made from", async () => {
    const out = join(folder, "out");
    const args = ["data", "magicoder", out, "--source", source, "--rows", "10", "--seed", "3"];
    const dry = await run([...args, "--dry-run", "--json"]);
    expect(dry.status).toBe(0);
    expect(existsSync(out)).toBe(false);
    const { status, stdout } = await run(args);
    expect(status).toBe(0);
    expect(stdout).toMatch(/train\.jsonl +10 +[0-9a-f]{16}/);
    expect(stdout).toContain("to learn: python 5, rust 5");
    const { result } = JSON.parse(dry.stdout.trim().split("\n").at(-1) ?? "") as { result: { files: object } };
    expect(JSON.parse(readFileSync(join(out, "data.json"), "utf8"))).toMatchObject({ seed: 3, files: result.files });
    expect((await run(args)).status).toBe(12);
  });

  it("makes a split for each tuning with --seeds, each in a folder of its own", async () => {
    const out = join(folder, "splits");
    const { status, stdout } = await run([
      "data",
      "magicoder",
      out,
      "--source",
      source,
      "--rows",
      "30",
      "--seeds",
      "42,7",
    ]);
    expect(status).toBe(0);
    expect(stdout).toContain(`${join(out, "seed-42")}: Magicoder`);
    const of = (seed: number, part: string) => readFileSync(join(out, `seed-${seed}`, `${part}.jsonl`), "utf8");
    expect(of(42, "validation")).not.toBe(of(7, "validation"));
    expect(JSON.parse(readFileSync(join(out, "seed-7", "data.json"), "utf8"))).toMatchObject({
      seed: 42,
      splitSeed: 7,
    });
  });

  it("ends with 2 for an unknown set and 4 for too few rows", async () => {
    const unknown = await run(["data", "alpaca", join(folder, "x")]);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain("flan, magicoder, chatdoctor, openfunctions");
    const few = await run(["data", "magicoder", join(folder, "y"), "--source", source]);
    expect(few.status).toBe(4);
    expect(few.stderr).toContain("There are 40 rows to learn; 10000 are wanted.");
  });
});
