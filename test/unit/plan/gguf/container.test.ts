// The bytes of a GGUF file before its tensors.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { layOutGguf } from "../../../../lib/plan/gguf/container.js";
import { readGguf } from "../../merge/readGguf.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-container-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the layout of a GGUF file", () => {
  it("holds a vocabulary of any size, vectors, and tensors at multiples of 32 bytes", () => {
    const tokens = Array.from({ length: 30_000 }, (_, id) => `token ${id} \u00e9`);
    const layout = layOutGguf(
      [
        { key: "general.architecture", type: "string", value: "llama" },
        { key: "tokens", type: "strings", value: tokens },
        { key: "scores", type: "f32s", value: tokens.map((_, id) => -id) },
        { key: "adds", type: "bool", value: true },
      ],
      [{ name: "rope_freqs.weight", values: [1, 2.5, 8] }],
      [
        { name: "a", shape: [3], type: 0, bytes: 12 },
        { name: "b", shape: [2, 8], type: 0, bytes: 64 },
      ],
    );
    expect(layout.paddings).toEqual([20, 0]);
    const path = join(folder, "file.gguf");
    writeFileSync(path, Buffer.concat([layout.header, Buffer.alloc(layout.size - layout.header.length)]));
    const file = readGguf(path);
    expect(file.metadata.get("tokens")).toEqual(tokens);
    expect(file.metadata.get("adds")).toBe(true);
    expect([...file.floats("rope_freqs.weight")]).toEqual([1, 2.5, 8]);
    expect(file.tensors.get("b")).toMatchObject({ shape: [8, 2], offset: layout.offsets[1] });
    expect(layout.offsets.every((offset) => offset % 32 === 0)).toBe(true);
  });

  it("refuses a number that 32 bits do not hold, by its key", () => {
    expect(() => layOutGguf([{ key: "llama.context_length", type: "u32", value: 1.5 }], [], [])).toThrow(
      expect.objectContaining({ code: "INCOMPATIBLE", message: expect.stringContaining("llama.context_length") }),
    );
  });
});
