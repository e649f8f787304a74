import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readGgufHeader } from "../../../../lib/checkpoint/formats/gguf/readHeader.js";
import { RetemperError } from "../../../../lib/errors.js";
import { type Built, type BuiltTensor, ggufBytes } from "./ggufBytes.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-gguf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function read(bytes: Uint8Array) {
  const path = join(folder, `${files++}.gguf`);
  writeFileSync(path, bytes);
  return readGgufHeader(path);
}

const plain = (
  name: string,
  dims: readonly (number | bigint)[] = [2, 3],
  more: Partial<BuiltTensor> = {},
): BuiltTensor => {
  return { name, dims, type: 0, bytes: new Uint8Array(24), ...more };
};
const GOOD: Built = {
  metadata: [
    ["general.architecture", ["text", "llama"]],
    ["a.number", ["u64", 5]],
    ["a.list", ["texts", ["x", "", "ä"]]],
    ["scores", ["f32s", [0.5, -1]]],
    ["types", ["i32s", [1, 2]]],
    ["flag", ["bool", 1]],
  ],
  tensors: [plain("a"), plain("b", [64, 2], { type: 8, bytes: new Uint8Array(4 * 34) }), plain("c", [])],
};

describe("the header of a GGUF file", () => {
  it("gives metadata, and tensors with their shapes and places", () => {
    const { metadata, tensors, file } = read(ggufBytes({ ...GOOD, tensors: GOOD.tensors?.slice(0, 2) ?? [] }));
    expect(Object.fromEntries(metadata)).toEqual({
      ...{ "general.architecture": "llama", "a.number": 5, "a.list": ["x", "", "ä"], flag: true },
      ...{ scores: Float32Array.of(0.5, -1), types: Int32Array.of(1, 2) },
    });
    const [a, b] = tensors;
    expect(a).toMatchObject({ name: "a", shape: [3, 2], bytes: 24 });
    expect(b).toMatchObject({ name: "b", shape: [2, 64], bytes: 136, offset: (a?.offset ?? 0) + 32 });
    expect((b?.offset ?? 0) + 160).toBe(file.size);
  });

  it("may have another alignment", () => {
    const built: Built = {
      tensors: [plain("a"), plain("b")],
      alignment: 128,
      metadata: [["general.alignment", ["u32", 128]]],
    };
    expect(read(ggufBytes(built)).tensors.map(({ offset }) => offset % 128)).toEqual([0, 0]);
  });

  it("may leave out the padding after the last tensor", () => {
    const bytes = ggufBytes({ tensors: [plain("a")] });
    expect(read(bytes.subarray(0, bytes.length - 8)).tensors).toHaveLength(1);
  });

  const key = (value: Uint8Array): Built => ({ metadata: [["k", ["raw", value]]] });
  it.each<[string, Built, string]>([
    ["another magic", { magic: "GGML" }, "does not begin with GGUF"],
    ["version 1", { version: 1 }, "GGUF version 1 is not read"],
    ["version 4", { version: 4 }, "GGUF version 4 is not read"],
    ["bytes turned round", { version: 3 << 24 }, "big-endian"],
    ["more tensors than bytes", { tensorCount: 2n ** 60n }, "1152921504606846976 tensors"],
    ["more keys than bytes", { keyCount: 2n ** 64n - 1n }, "18446744073709551615 keys"],
    [
      "a key twice",
      {
        metadata: [
          ["k", ["u8", 1]],
          ["k", ["u8", 2]],
        ],
      },
      'the key "k" is there twice',
    ],
    ["a key that is not UTF-8", { metadata: [[Uint8Array.of(0xff), ["u8", 1]]] }, "a key is not UTF-8"],
    ["a value of an unknown type", key(Uint8Array.of(13, 0, 0, 0, 0, 0, 0, 0, 0)), "type 13"],
    ["a list of lists", key(Uint8Array.of(9, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)), "elements of type 9"],
    [
      "a list that is longer than the file",
      key(Uint8Array.of(9, 0, 0, 0, 5, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 127)),
      "elements of k",
    ],
    [
      "a text that is longer than the file",
      key(Uint8Array.of(8, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255)),
      "bytes of the text of k",
    ],
    ["a flag of 2", { metadata: [["k", ["bool", 2]]] }, "neither 0 nor 1"],
    [
      "an alignment of 0",
      { metadata: [["general.alignment", ["u32", 0]]], tensors: [plain("a")] },
      "not a power of two",
    ],
    [
      "an alignment of 24",
      { metadata: [["general.alignment", ["u32", 24]]], tensors: [plain("a")] },
      "not a power of two",
    ],
    [
      "an alignment that is a text",
      { metadata: [["general.alignment", ["text", "32"]]], tensors: [plain("a")] },
      "not a power of two",
    ],
    ["a tensor twice", { tensors: [plain("a"), plain("a")] }, "the tensor is there twice"],
    ["a name that is too long", { tensors: [plain("a".repeat(65))] }, "the name of a tensor has 65 bytes"],
    ["five dimensions", { tensors: [plain("a", [1, 1, 1, 1, 6])] }, "5 dimensions"],
    ["a type that is not read", { tensors: [plain("a", [2, 3], { type: 10 })] }, "its type is Q2_K"],
    ["a type that there is not", { tensors: [plain("a", [2, 3], { type: 4_000_000_000 })] }, "its type is 4000000000"],
    [
      "a shape beyond 64 bits",
      { tensors: [plain("a", [4194305n, 4194305n, 211106198978564n])] },
      "larger than any file",
    ],
    ["a size of 2^63", { tensors: [plain("a", [2n ** 63n, 0n])] }, "larger than any file"],
    ["rows that are not whole blocks", { tensors: [plain("a", [48, 1], { type: 8 })] }, "no whole blocks of 32 (Q8_0)"],
    [
      "an offset that overlaps",
      { tensors: [plain("a"), plain("b", [2, 3], { offset: 0 })] },
      "its offset is 0; after the tensor before it comes 32",
    ],
    ["an offset that leaves a gap", { tensors: [plain("a"), plain("b", [2, 3], { offset: 64 })] }, "its offset is 64"],
    [
      "offsets in another order",
      { tensors: [plain("a", [2, 3], { offset: 32 }), plain("b", [2, 3], { offset: 0 })] },
      "its offset is 32",
    ],
    ["a tensor that ends past the file", { tensors: [plain("a", [2, 300])] }, "the file is cut"],
  ])("with %s is refused", (_, built, message) => {
    expect(() => read(ggufBytes(built))).toThrow(message);
  });

  it("with bytes after the last tensor is refused", () => {
    expect(() => read(Buffer.concat([ggufBytes(GOOD), Buffer.alloc(32)]))).toThrow("bytes after the last tensor");
  });

  it("that is cut anywhere is refused, and never read past its end", () => {
    const bytes = ggufBytes({ ...GOOD, tensors: [plain("a")] });
    for (let size = 0; size < bytes.length - 8; size++) {
      expect(() => read(bytes.subarray(0, size)), `${size} bytes`).toThrow(RetemperError);
    }
  });

  it("with any byte changed is read or refused, and nothing else", () => {
    const bytes = ggufBytes({ ...GOOD, tensors: [plain("a")] });
    for (let at = 0; at < bytes.length - 32; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        try {
          read(changed);
        } catch (error) {
          expect(error, `byte ${at} is ${value}`).toBeInstanceOf(RetemperError);
        }
      }
    }
  });

  it("of a FIFO is refused at once", () => {
    const path = join(folder, "fifo.gguf");
    execFileSync("mkfifo", [path]);
    expect(() => readGgufHeader(path)).toThrow("not a regular file");
  });

  it("of no file is refused", () => {
    expect(() => readGgufHeader(join(folder, "absent.gguf"))).toThrow("no such file");
  });
});
