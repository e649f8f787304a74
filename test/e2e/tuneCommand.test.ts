// `retemper tune`: a signal, going on, several seeds, what it says and writes, and its exit codes.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { long } from "../long.js";
import { jsonLines, run, start, temporaryFolder } from "./command.js";

const MODEL = new URL("../golden/models/llama", import.meta.url).pathname;
const folder = temporaryFolder();
const place = (name: string) => join(folder, name);
const rowsIn = (name: string, rows: readonly object[]) => {
  writeFileSync(place(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return place(name);
};
const ids = (length: number, i: number) => Array.from({ length }, (_, j) => (i * 31 + j * 17) % 400);
const data = rowsIn(
  "rows.jsonl",
  Array.from({ length: 12 }, (_, i) => ({ input_ids: ids(8 + i, i), prompt_length: 3 })),
);
const args = (out: string, ...more: string[]) => [
  ...[
    "tune",
    MODEL,
    data,
    place(out),
    "--rank",
    "4",
    "--lr",
    "5e-3",
    "--batch",
    "2",
    "--epochs",
    "30",
    "--save-steps",
    "0",
  ],
  ...["--validation", "0", "--engine", "native", "--threads", "1", ...more],
];
const adapter = (...path: string[]) => readFileSync(join(folder, ...path, "adapter_model.safetensors"));

describe("retemper tune", () => {
  it.runIf(long)(
    "saves when it is interrupted, and goes on to the same bytes, seed by seed",
    async () => {
      const seeds = ["--seeds", "7,8", "--json"];
      expect((await run(args("whole", ...seeds))).status).toBe(0);
      for (const seed of ["seed-7", "seed-8"]) {
        expect(readFileSync(join(place("whole"), seed, "loss.svg"), "utf8")).toContain("<svg");
        expect(JSON.parse(readFileSync(join(place("whole"), seed, "adapter_config.json"), "utf8"))).toMatchObject({
          r: 4,
        });
      }
      expect(adapter("whole", "seed-7").equals(adapter("whole", "seed-8"))).toBe(false);

      const tuning = start(args("stopped", ...seeds));
      await tuning.line((line) => line.includes('"event":"step"') && line.includes('"done":3,'));
      tuning.process.kill("SIGINT");
      const { status, stdout } = await tuning.finished;
      expect(status).toBe(130);
      const command = `retemper ${args("stopped", ...seeds, "--resume").join(" ")}`;
      const hint = `what is done is kept; go on with: ${command}`;
      expect(jsonLines(stdout).at(-1)).toMatchObject({ ok: false, error: { code: "CANCELLED", hint } });
      expect(stdout).toMatch(/"event":"warning","message":"The tuning was stopped after step \d+\..*--resume/);
      const kept = readdirSync(join(place("stopped"), "seed-7")).filter((name) => name.startsWith("checkpoint-"));
      expect(kept.length).toBe(1);
      expect(existsSync(join(place("stopped"), "seed-7", kept[0] as string, "adapter_config.json"))).toBe(true);
      expect(existsSync(join(place("stopped"), "seed-7", "adapter_config.json"))).toBe(false);

      expect((await run(args("stopped", ...seeds, "--resume"))).status).toBe(0);
      for (const seed of ["seed-7", "seed-8"]) {
        expect(adapter("stopped", seed).equals(adapter("whole", seed))).toBe(true);
      }
    },
    240_000,
  );

  it("counts rows beyond the cutoff, and refuses an output that exists", async () => {
    const short = args("cut", "--cutoff", "10", "--max-steps", "2");
    const { status, stdout } = await run(short);
    expect(status).toBe(0);
    expect(stdout).toContain("on 12 rows, 9 cut off, loss");
    const again = await run(short);
    expect(again.status).toBe(12);
    expect(again.stderr).toContain("--resume");
  });

  it("names the line of a bad row, and modules near one that is not there", async () => {
    const bad = rowsIn("bad.jsonl", [
      { input_ids: [1, 2], prompt_length: 1 },
      { input_ids: [], prompt_length: 0 },
    ]);
    const row = await run(args("bad").map((each) => (each === data ? bad : each)));
    expect(row.status).toBe(4);
    expect(row.stderr).toContain("bad.jsonl:2");
    const name = await run(args("bad", "--target-modules", "q_prj"));
    expect(name.status).toBe(2);
    expect(name.stderr).toContain("nearest: q_proj");
    expect(existsSync(place("bad"))).toBe(false);
  });
});
