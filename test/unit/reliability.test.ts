// docs/reliability.md names the test of each fault: that each is there, in the file where it is said to be, and will run.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const rows = readFileSync(join(root, "docs/reliability.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => {
    const [number = "", fault = "", happens = "", proven = ""] = line.slice(2, -2).split(" | ");
    const tests = proven.split("<br>").map((cell) => /^`([^`]+)`: “(.+)”$/.exec(cell) ?? [cell]);
    return { number: Number(number), fault, happens, tests };
  });

/** A source in which a title is one text: C++ may break it over lines. */
const sources = new Map<string, string>();
function sourceOf(file: string): string {
  if (!sources.has(file)) sources.set(file, readFileSync(join(root, file), "utf8").replace(/"\s*\n\s*"/g, ""));
  return sources.get(file) as string;
}

describe("the fault matrix", () => {
  it("has 42 rows, each with what happens", () => {
    expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 42 }, (_, at) => at + 1));
    for (const { number, fault, happens } of rows) expect(fault && happens, `row ${number}`).toMatch(/\w/);
  });

  it.each(rows)("names tests that there are: row $number", ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    for (const [cell, file, title] of tests) {
      expect(file, `not \`file\`: “title”: ${cell}`).toBeDefined();
      expect(existsSync(join(root, file as string)), file).toBe(true);
      // As a title: after the call that makes the test, with its tables and options, and within quotes.
      const quoted = (title as string).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      expect(sourceOf(file as string), `${file} has no test “${title}”`).toMatch(new RegExp(`\\(\\s*["\`]${quoted}`));
    }
  });

  it("names only tests that npm test, npm run test:gpu or ctest runs", () => {
    const cmake = readFileSync(join(root, "native/CMakeLists.txt"), "utf8");
    for (const [, file = ""] of rows.flatMap(({ tests }) => tests)) {
      const native = /^native\/tests\/(\w+)\.cc$/.exec(file)?.[1];
      if (native === undefined) expect(file).toMatch(/^test\/.*\.test\.ts$/);
      else expect(cmake).toMatch(new RegExp(`\\b${native}\\b`));
    }
  });
});
