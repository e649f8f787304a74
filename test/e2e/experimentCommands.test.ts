// `retemper init` and the gate of `retemper run`: what editors are told, and exit codes for pipelines.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { experimentJsonSchema } from "../../lib/experiment/jsonSchema.js";
import { demoAdapter, demoModel, root, run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();

describe("retemper init", () => {
  it("writes an experiment whose first line names the schema that came with the package", async () => {
    const file = join(folder, "experiment.yml");
    expect((await run(["init", file])).status).toBe(0);
    const [first = "", ...rest] = readFileSync(file, "utf8").split("\n");
    const [, schema = ""] = /^# yaml-language-server: \$schema=(.+)$/.exec(first) ?? [];
    expect(schema).toBe(join(root, "dist/experiment.schema.json"));
    expect(JSON.parse(readFileSync(schema, "utf8"))).toEqual(JSON.parse(JSON.stringify(experimentJsonSchema())));
    expect(rest.join("\n")).toContain("aligned: path/to/aligned-model");
  });

  it("replaces nothing unless told, and writes the schema itself on request", async () => {
    const file = join(folder, "mine.yml");
    writeFileSync(file, "name: mine\n");
    const { status, stderr } = await run(["init", file]);
    expect(status).toBe(12);
    expect(stderr).toContain("--force");
    expect(readFileSync(file, "utf8")).toBe("name: mine\n");
    const schema = join(folder, "schema.json");
    expect((await run(["init", "--schema", schema])).status).toBe(0);
    expect(JSON.parse(readFileSync(schema, "utf8"))).toMatchObject({ title: "Retemper experiment" });
  });
});

describe("retemper run --gate", { timeout: 600_000 }, () => {
  const rows = (name: string) => join(root, "demo", name);
  const experiment = {
    aligned: demoModel,
    tuned: [{ seed: 42, adapter: demoAdapter }],
    methods: ["linear"],
    lambda: [0.4, 0.9],
    safety: { sets: [`safety:${rows("unsafe.jsonl")}`], judges: [{ keyword: ["can't help"] }] },
    task: { validation: [`exact:${rows("task_valid.jsonl")}`], test: [`exact:${rows("task_test.jsonl")}`] },
    limit: 4,
    decoding: { maxNewTokens: 20 },
    select: { rule: "score" },
  };
  const file = join(folder, "gated.json");
  const out = join(folder, "results");

  it("ends with 10 where nothing passes, with its report, and with 0 where something does", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(experiment));
    const refused = await run(["run", file, "--out", out, "--gate", "score >= 1.5"]);
    expect(refused.status).toBe(10);
    expect(refused.stderr).toContain("None of 2 candidates passes the gate score >= 1.5.");
    expect(readFileSync(join(out, "report.md"), "utf8")).toContain("Nothing met the rule");
    expect(existsSync(join(out, "models"))).toBe(false);

    const passed = await run(["run", file, "--out", out, "--gate", "score >= aligned"]);
    expect(passed.status).toBe(0);
    expect(passed.stdout).toContain("that pass the gate score >= aligned");
    expect(passed.stderr).not.toMatch(/note: validation/); // measured before
    expect((await run(["verify", join(out, "models/linear-0.9-seed-42")])).status).toBe(0);
  });
});
