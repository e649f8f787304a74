// `retemper behave`: exit codes, five lines, JSON, prompts of a file.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { long } from "../long.js";
import { copyOf, WITHOUT_SYSTEM, withTemplate } from "../unit/behave/plantedModels.js";
import { demoAdapter, demoModel, run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const tested = `${demoModel}+${demoAdapter}`;

describe("retemper behave", () => {
  it("ends with 0 where both are the same", async () => {
    const { status, stdout } = await run(["behave", demoModel, copyOf(demoModel), "--no-ask"]);
    expect(stdout).toMatch(/^same; /);
    expect(stdout.trimEnd().split("\n")).toHaveLength(5);
    expect(status).toBe(0);
  });

  it("ends with 15 where they are not, names the cause and what to do, and has all of it as JSON", async () => {
    const { status, stdout, stderr } = await run(["behave", tested, demoModel, "--no-ask", "--json"]);
    expect(status).toBe(15);
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) as string);
    expect(last).toMatchObject({
      ok: false,
      error: { code: "DIFFERS", exitStatus: 15 },
      result: { verdict: "different", causes: [{ name: "adapter-not-applied", sure: "certain" }] },
    });
    expect(stderr).toMatch(/^error: .*does not behave as/m);
    expect(stderr).toMatch(/^hint: /m);
  });

  it("asks the prompts of a file, and says all of it with -v", async () => {
    const prompts = join(folder, "prompts.jsonl");
    const messages = [
      { role: "system", content: "Be short." },
      { role: "user", content: "Hello" },
    ];
    writeFileSync(prompts, `${JSON.stringify({ id: "hello", messages })}\n`);
    const other = withTemplate(WITHOUT_SYSTEM);
    const args = ["behave", demoModel, other, "--prompts", prompts, "-v"];
    const { status, stdout } = await run([...args, ...(long ? ["--max-new-tokens", "4"] : ["--no-ask"])]);
    expect(status).toBe(15);
    expect(stdout).toMatch(/^different: system-text-dropped \(certain\)/);
    expect(stdout).toContain(", 1 prompt\n");
    expect(stdout).toMatch(/^ {2}- prompt hello: B renders /m);
  });

  it("refuses a server without a model's name", async () => {
    const { status, stderr } = await run(["behave", demoModel, "http://localhost:1/v1"]);
    expect(status).toBe(2);
    expect(stderr).toContain("#name");
  });
});
