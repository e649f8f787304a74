// Hostile safetensors headers through the addon. What the reference reader (the Python package safetensors 0.8.0) does
// with each file is recorded beside it: we accept what it accepts and reject what it rejects, except for the rows
// marked "stricter", where two readers of one file could see different tensors.

import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeHeader } from "../../lib/addon/surface.js";
import { headerCorpus, safetensors } from "./headerCorpus.js";

const addon = loadAddon();
let folder = "";
let path = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-header-"));
  path = join(folder, "model.safetensors");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Rejection {
  readonly code: string;
  readonly message: string;
  readonly file: string;
  readonly tensor?: string;
}

function read(bytes: Uint8Array): NativeHeader | Rejection {
  writeFileSync(path, bytes);
  try {
    return addon.readHeader(path);
  } catch (error) {
    const { code, message, file, tensor } = error as Rejection & { code: string };
    return { code, message, file, ...(tensor === undefined ? {} : { tensor }) };
  }
}

describe("headers that the reference reader accepts", () => {
  it.each(headerCorpus.filter((row) => row.reference === "accepts" && row.ours === "accepts"))(
    "are accepted: $title",
    ({ bytes, names }) => {
      expect(read(bytes)).toMatchObject({ names });
    },
  );
});

describe("headers that the reference reader rejects", () => {
  it.each(headerCorpus.filter((row) => row.reference === "rejects"))(
    "are rejected: $title",
    ({ bytes, says, tensor }) => {
      const rejection = read(bytes);
      expect(rejection).toMatchObject({ code: "BAD_INPUT", file: path, message: expect.stringContaining(says ?? "") });
      if (tensor !== undefined) expect(rejection).toMatchObject({ tensor });
    },
  );
});

describe("headers that only the reference reader lets pass", () => {
  it.each(headerCorpus.filter((row) => row.reference === "accepts" && row.ours === "stricter"))(
    "are rejected: $title",
    ({ bytes, says, tensor }) => {
      const rejection = read(bytes);
      expect(rejection).toMatchObject({ code: "BAD_INPUT", file: path, message: expect.stringContaining(says ?? "") });
      if (tensor !== undefined) expect(rejection).toMatchObject({ tensor });
    },
  );
});

describe("columns of a header", () => {
  it("hold absolute offsets, shapes and metadata, in the order of the data", () => {
    const bytes = safetensors(
      {
        __metadata__: { format: "pt", ["__proto__"]: "kept" },
        b: { dtype: "F32", shape: [2, 1], data_offsets: [3, 11] },
        a: { dtype: "U8", shape: [3], data_offsets: [0, 3] },
      },
      11,
    );
    const header = read(bytes) as NativeHeader;
    const start = bytes.length - 11;
    expect(header).toMatchObject({
      size: bytes.length,
      dataOffset: start,
      names: ["a", "b"],
      dtypes: ["U8", "F32"],
      shapes: [[3], [2, 1]],
      begins: [start, start + 3],
      ends: [start + 3, start + 11],
    });
    expect(header.inode).toMatch(/^\d+$/);
    expect(header.mtimeNs).toMatch(/^\d+$/);
  });

  it("keep a metadata key named __proto__ as an own key, and change no prototype", () => {
    const text = '{"__metadata__":{"__proto__":"kept","constructor":"too"}}';
    const { metadata } = read(safetensors(text, 0)) as NativeHeader;
    expect(Object.entries(metadata)).toEqual([
      ["__proto__", "kept"],
      ["constructor", "too"],
    ]);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });
});

describe("size and time", () => {
  it("reads 100,000 tensors", () => {
    const entries = Array.from(
      { length: 100_000 },
      (_, i) => `"layer.${i}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
    );
    const header = read(safetensors(`{${entries.join(",")}}`, 100_000)) as NativeHeader;
    expect(header.names).toHaveLength(100_000);
    expect(header.ends.at(-1)).toBe(header.size);
  });

  it("reads names of a megabyte, and keeps messages about them short", () => {
    const name = "n".repeat(1_000_000);
    const entry = (offsets: string) => `{"${name}":{"dtype":"U8","shape":[2],"data_offsets":[${offsets}]}}`;
    expect(read(safetensors(entry("0,2"), 2))).toMatchObject({ names: [name] });
    expect((read(safetensors(entry("2,0"), 2)) as Rejection).tensor?.length).toBeLessThan(300);
  });

  it("rejects a claimed header of gigabytes in a sparse file without reading or allocating it", () => {
    const before = process.memoryUsage().rss;
    for (const claimed of [100_000_001n, 2n ** 40n - 8n, 2n ** 63n, 2n ** 64n - 1n]) {
      const start = Buffer.alloc(9, "{");
      start.writeBigUInt64LE(claimed);
      writeFileSync(path, start);
      truncateSync(path, 2 ** 40);
      expect(() => addon.readHeader(path)).toThrowError(/limit is 100000000/);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe("mutated headers", () => {
  it("are rejected with BAD_INPUT, or accepted with a layout that covers the file exactly", () => {
    const seeds = headerCorpus.filter((row) => row.ours === "accepts").map((row) => row.bytes);
    let state = 20240229;
    const below = (bound: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * bound);
    };
    let accepted = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = Uint8Array.from(seeds[below(seeds.length)] ?? []);
      for (let i = below(4); i > 0; i--) bytes[below(bytes.length)] = below(4) === 0 ? below(256) : 0x30 + below(10);
      const cut = below(8) === 0 ? below(bytes.length + 1) : bytes.length;
      const result = read(bytes.subarray(0, cut));
      if ("code" in result) {
        expect(result.code).toBe("BAD_INPUT");
        continue;
      }
      accepted++;
      const edges = [result.dataOffset, ...result.ends];
      expect(result.begins).toEqual(edges.slice(0, -1));
      expect(edges.at(-1)).toBe(result.size);
    }
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(2900);
  });
});
