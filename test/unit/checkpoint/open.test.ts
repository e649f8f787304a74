import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { failure, safetensors, workspace } from "./fixtures.js";

const addon = loadAddon();
const work = workspace();
const open = (path: string) => openCheckpoint(path, { addon, cwd: work.root });
const weight = { shape: [2, 3] };

function sharded(name: string, shards: Record<string, readonly string[]>, weightMap: Record<string, unknown>): string {
  for (const [file, tensors] of Object.entries(shards)) {
    work.write(`${name}/${file}`, safetensors(Object.fromEntries(tensors.map((tensor) => [tensor, weight]))));
  }
  work.write(`${name}/model.safetensors.index.json`, { metadata: {}, weight_map: weightMap });
  return name;
}

describe("openCheckpoint", () => {
  it("reads a single file with its configuration", async () => {
    work.model(
      "single",
      { "a.weight": weight, "b.bias": { shape: [], dtype: "BF16" } },
      { model_type: "llama", odd: [1] },
    );
    const opened = await open("single");
    expect(opened.config).toEqual({ model_type: "llama", odd: [1] });
    expect(opened.files).toHaveLength(1);
    expect(opened.files[0]?.path).toBe(work.path("single/model.safetensors"));
    expect(opened.files[0]?.inode).toMatch(/^\d+$/);
    const [a, b] = [...opened.tensors.values()];
    expect(a).toMatchObject({ name: "a.weight", dtype: "F32", shape: [2, 3], file: 0, bytes: 24 });
    expect(b).toMatchObject({ name: "b.bias", dtype: "BF16", shape: [], bytes: 2 });
    expect(b?.offset).toBe((a?.offset ?? 0) + 24);
  });

  it("takes a model without config.json", async () => {
    work.write("bare/model.safetensors", safetensors({ a: weight }));
    expect((await open("bare")).config).toEqual({});
  });

  it("joins shards and says which file holds each tensor", async () => {
    sharded(
      "two",
      { "b.safetensors": ["y"], "a.safetensors": ["x", "z"] },
      { x: "a.safetensors", z: "a.safetensors", y: "b.safetensors" },
    );
    const opened = await open("two");
    expect(opened.files.map((file) => file.path)).toEqual([
      work.path("two/a.safetensors"),
      work.path("two/b.safetensors"),
    ]);
    expect([...opened.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
      ["x", 0],
      ["z", 0],
      ["y", 1],
    ]);
  });

  it("prefers the single file where an index lies beside it, as transformers does", async () => {
    sharded("both", { "a.safetensors": ["x"] }, { x: "a.safetensors" });
    work.write("both/model.safetensors", safetensors({ single: weight }));
    expect([...(await open("both")).tensors.keys()]).toEqual(["single"]);
  });

  it("lists everything that is wrong with an index in one error", async () => {
    sharded(
      "wrong",
      { "a.safetensors": ["x", "twice", "unlisted"], "b.safetensors": ["twice", "moved"] },
      {
        x: "a.safetensors",
        twice: "b.safetensors",
        gone: "a.safetensors",
        moved: "a.safetensors",
        far: "c.safetensors",
      },
    );
    const error = await failure(open("wrong"));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.file).toBe(work.path("wrong/model.safetensors.index.json"));
    for (const line of [
      "shard c.safetensors is missing",
      "tensor twice is in two shards, a.safetensors and b.safetensors",
      "tensor unlisted of a.safetensors is not listed in the index",
      "tensor gone is not in a.safetensors, where the index puts it",
      "tensor moved lies in b.safetensors, the index puts it into a.safetensors",
    ]) {
      expect(error.message).toContain(line);
    }
  });

  it("opens an index of a hundred thousand tensors quickly", async () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `model.layers.${i}.weight`);
    work.write("huge/a.safetensors", safetensors(Object.fromEntries(names.map((name) => [name, { shape: [0] }]))));
    work.write("huge/model.safetensors.index.json", {
      weight_map: Object.fromEntries(names.map((name) => [name, "a.safetensors"])),
    });
    expect((await open("huge")).tensors.size).toBe(100_000);
  });

  it("counts what is beyond a readable list", async () => {
    const missing = Array.from({ length: 1000 }, (_, i) => [`t${i}`, "a.safetensors"] as const);
    sharded("many", { "a.safetensors": ["x"] }, { x: "a.safetensors", ...Object.fromEntries(missing) });
    const error = await failure(open("many"));
    expect(error.message.split("\n")).toHaveLength(202);
    expect(error.message).toContain("… and 800 more");
  });

  it("says that a folder holds an adapter, and how to write it", async () => {
    work.adapter("lone", { "base_model.model.q.lora_A.weight": weight });
    const error = await failure(open("lone"));
    expect(error.message).toContain("LoRA adapter, not a model");
    expect(error.hint).toContain("base+adapter");
  });

  it.each([
    ["pytorch_model.bin", "not a checkpoint of torch"],
    ["consolidated.00.pth", "but consolidated.00.pth"],
    ["model.gguf", "does not begin with GGUF"],
    ["tf_model.h5", "another format"],
    ["weights.safetensors", "but weights.safetensors"],
    ["README.md", "there is neither model.safetensors nor"],
  ])("says what a folder with only %s is", async (file, text) => {
    work.write(`only-${file}/${file}`, "x");
    const error = await failure(open(`only-${file}`));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain(text);
    expect(error.hint).toBeTruthy();
  });

  it("refuses a file in the place of a folder", async () => {
    work.write("file/model.safetensors", safetensors({ a: weight }));
    expect((await failure(open("file/model.safetensors"))).message).toContain("not the folder of a model");
  });

  it("passes on what the header reader finds", async () => {
    work.write("broken/model.safetensors", safetensors({ a: weight }).subarray(0, -1));
    const error = await failure(open("broken"));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.file).toBe(work.path("broken/model.safetensors"));
  });

  it("opens the adapter of a reference over its base", async () => {
    work.model("base", { "model.q.weight": weight });
    work.adapter("lora", {
      "base_model.model.model.q.lora_A.weight": { shape: [2, 3] },
      "base_model.model.model.q.lora_B.weight": { shape: [2, 2] },
    });
    const opened = await openCheckpoint(
      { text: "base+lora", path: "base", lora: { path: "lora" } },
      { addon, cwd: work.root },
    );
    expect([...(opened.adapter?.effects.keys() ?? [])]).toEqual(["model.q.weight"]);
    rmSync(work.path("lora"), { recursive: true });
    const error = await failure(
      openCheckpoint({ text: "base+lora", path: "base", lora: { path: "lora" } }, { addon, cwd: work.root }),
    );
    expect(error.message).toContain("The model lora does not exist");
  });
});
