// Names and answers of strangers on their way to a terminal.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { table } from "../../../lib/cli/table.js";
import { safeJson, safeLine, safeText } from "../../../lib/cli/terminalText.js";
import { runHere } from "./inProcess.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-terminal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A model of empty tensors, which takes a header and nothing else. */
function modelOf(name: string, tensors: Readonly<Record<string, readonly number[]>>): string {
  const place = join(folder, name);
  const header = Buffer.from(
    JSON.stringify(
      Object.fromEntries(
        Object.entries(tensors).map(([tensor, shape]) => [tensor, { dtype: "F32", shape, data_offsets: [0, 0] }]),
      ),
    ),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  writeFileSync(join(place, "model.safetensors"), Buffer.concat([length, header]));
  writeFileSync(join(place, "config.json"), JSON.stringify({ model_type: "llama" }));
  return place;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not arrive
const ACTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/;
const EVIL = "w\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egnp.\u2066\r\nok: all as written\u007f";

describe("text for a terminal", () => {
  it("shows what a terminal would act on, and leaves all else", () => {
    expect(safeText("a\u001b[31mb\u009b\u202e\u2028\ud800c")).toBe("a\\x1b[31mb\\x9b\\u202e\\u2028\\ud800c");
    expect(safeText("ä 日本 👩‍👩‍👧 \t\n")).toBe("ä 日本 👩‍👩‍👧 \t\n");
    expect(safeLine("a\tb\nc")).toBe("a\\tb\\nc");
    expect(safeLine(EVIL)).not.toMatch(/[\n\t]/);
  });

  it("as JSON means what it meant", () => {
    const json = JSON.stringify({ text: `${EVIL}\u{e0041}\ufeff` });
    expect(safeJson(json)).not.toMatch(ACTIVE);
    expect(JSON.parse(safeJson(json))).toEqual(JSON.parse(json));
  });
});

describe("a command", () => {
  it("lists tensors with names that hold a terminal's commands, one a line", async () => {
    const model = modelOf("evil", { [EVIL]: [0], "model.norm.weight": [0] });
    for (const isTTY of [true, false]) {
      const { status, stdout, stderr } = await runHere(["inspect", model], { isTTY });
      expect(status, stderr).toBe(0);
      expect(stdout).not.toMatch(ACTIVE);
      expect(stdout).toMatch(
        /^w\\x1b\[2J\\x1b\]0;owned\\x07\\x9b31m\\u202egnp\.\\u2066\\x0d\\nok: all as written\\x7f +F32/m,
      );
    }
  });

  it("gives JSON as it is to a pipe, and as the same JSON without effect to a terminal", async () => {
    const model = modelOf("evil", { [EVIL]: [0] });
    const [pipe, terminal] = [
      await runHere(["inspect", model, "--json"]),
      await runHere(["inspect", model, "--json"], { isTTY: true }),
    ];
    expect(terminal.stdout).not.toMatch(ACTIVE);
    expect(JSON.parse(terminal.stdout)).toEqual(JSON.parse(pipe.stdout));
    expect(JSON.parse(pipe.stdout).result.tensors[0].name).toBe(EVIL);
  });

  it("tells errors that quote a file without letting it speak: no line of a message begins as one of ours", async () => {
    const recipe = join(folder, "recipe.yml");
    writeFileSync(recipe, JSON.stringify({ merge_method: "linear", models: [], "\u001b[8mx\nhint: run this": 1 }));
    const { status, stderr } = await runHere(["plan", recipe]);
    expect(status).toBe(3);
    expect(stderr).not.toMatch(ACTIVE);
    expect(stderr).toContain("\\x1b[8mx");
    expect(stderr).not.toMatch(/^hint: run this/m);
  });
});

describe("a table", () => {
  it("of 130,000 tensors, one with 100,000 dimensions, is there at once", async () => {
    const tensors = Object.fromEntries(Array.from({ length: 130_000 }, (_, at) => [`model.tensor.${at}`, [0]]));
    const model = modelOf("many", { ...tensors, wide: Array(100_000).fill(0) });
    const { status, stdout, stderr } = await runHere(["inspect", model]);
    expect(status, stderr).toBe(0);
    const lines = stdout.split("\n");
    expect(lines.length).toBeGreaterThan(130_000);
    expect(Math.max(...lines.slice(0, 1000).map((line) => line.length))).toBeLessThan(1000);
    expect(lines.find((line) => line.startsWith("wide"))).toMatch(/\[0, 0, .* \.\.\. \(300000 characters\)/);
  });

  it("aligns by what a terminal shows, numbers on the right", () => {
    expect(
      table(
        ["name", "n"],
        [
          ["日本", "1"],
          ["a", "10"],
        ],
        [1],
      ),
    ).toBe("name   n\n日本   1\na     10");
  });
});
