// Weights on a network file system are read into memory, not mapped: a model that is larger than memory is refused before.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { demoModel, runProcess, temporaryFolder } from "./command.js";

const library = join(temporaryFolder(), "networkFiles.so");

const NETWORK = { LD_PRELOAD: `${process.env.LD_PRELOAD ?? ""} ${library}`.trim() };

function ask(megabytes: number, env: Readonly<Record<string, string>> = {}) {
  const asked = ["--prompt", "Good day", "--max-new-tokens", "1", "--threads", "1", "--engine", "native"];
  return runProcess(["generate", demoModel, ...asked, "--max-memory", `${megabytes}MB`], env);
}

const NEEDED = /needs ([\d.]+) MB of memory for weights and one step/;

describe.skipIf(process.platform !== "linux")("a model on a network file system", () => {
  beforeAll(() => {
    const source = fileURLToPath(new URL("../addon/fixtures/networkFiles.c", import.meta.url));
    execFileSync("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
  });

  it("is refused where it is larger than the memory allowed, and runs from a local disk", async () => {
    const { stderr } = await ask(5);
    const almost = Number(NEEDED.exec(stderr)?.[1]) - 0.2;
    const local = await ask(almost);
    expect(local).toMatchObject({ status: 0, stderr: expect.stringContaining("does not fit into memory") });
    expect(await ask(almost, NETWORK)).toMatchObject({ status: 8, stderr: expect.stringMatching(NEEDED) });
  });

  it("is refused before its weights are read where they alone are too large", async () => {
    const { status, stderr } = await ask(1, NETWORK);
    expect(stderr).toMatch(/the weights of \S+ need [\d.]+ MB of memory, and there are 1\.0 MB/);
    expect(status).toBe(8);
  });
});
