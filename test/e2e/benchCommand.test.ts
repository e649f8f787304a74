// The benchmarks load and explain themselves. They use parts of the library that it does not export, so that a part which moves
// would break them unseen; what they measure is never a test.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { long } from "../long.js";
import { root } from "./command.js";

function bench(...args: string[]) {
  return spawnSync(process.execPath, [join(root, "test/bench/run.mjs"), ...args], { encoding: "utf8" });
}

it.runIf(long)("names its workloads, each of which says how it is used", () => {
  const { status, stderr } = bench();
  expect(status).toBe(2);
  const names = /^usage: npm run bench -- ([a-z|]+) /.exec(stderr)?.[1]?.split("|") ?? [];
  expect(names).toContain("generate");
  for (const name of names) {
    const { status: ended, stdout, stderr: complaint } = bench(name, "--help");
    expect({ name, ended, complaint }).toEqual({ name, ended: 0, complaint: "" });
    expect(stdout).toContain(`usage: npm run bench -- ${name}`);
  }
});
