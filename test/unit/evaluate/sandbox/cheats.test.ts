// Programs that want to pass without solving anything: each is a file of the folder cheats/, which scripts/checkHumanEval.mjs
// also runs on every problem. ENTRY stands for the function's name.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openSandbox } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { runPrograms } from "../../../../lib/evaluate/sandbox/runPrograms.js";

const folder = new URL("cheats/", import.meta.url);
const cheats = readdirSync(folder)
  .filter((name) => name.endsWith(".py"))
  .map((name) => ({ name, source: readFileSync(new URL(name, folder), "utf8").replaceAll("ENTRY", "square") }));
const tests = `
def check(candidate):
    assert candidate(2) == 4
    assert candidate(3) == 9
    assert abs(candidate(5) - 25) < 1e-6
check(square)
`;
const check = { tests, entryPoint: "square" };
const problem = await openSandbox({ limits: { memoryBytes: 2 ** 29, processes: 16, fileBytes: 2 ** 24 } }).then(
  () => "",
  (error: Error) => error.message,
);

describe.skipIf(problem)(`programs that want to pass without solving anything${problem}`, () => {
  it("do not, where their tests are apart", async () => {
    const honest = { name: "honest", source: "def square(x):\n    return x * x\n" };
    const programs = [honest, ...cheats].map(({ source }) => ({ source, check, timeoutMs: 10_000 }));
    const results = await runPrograms(programs, { allowCodeExecution: true });
    expect(cheats.length).toBeGreaterThan(15);
    const passed = [honest, ...cheats].filter((_, at) => results[at]?.passed);
    expect(passed.map(({ name }) => name)).toEqual(["honest"]);
    expect(results.every(({ trusted }) => trusted)).toBe(true);
  });

  it("are not trusted where their tests are a part of them", async () => {
    const programs = cheats.map(({ source }) => ({ source: `${source}\n${tests}`, timeoutMs: 10_000 }));
    const results = await runPrograms(programs, { allowCodeExecution: true });
    expect(results.some(({ passed }) => passed)).toBe(true);
    expect(results.some(({ trusted }) => trusted)).toBe(false);
  });
});
