// Folders made to harm: names that lead out, files that never end, texts that take forever.

import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import { failure, safetensors, workspace } from "../unit/checkpoint/fixtures.js";

const addon = loadAddon();
const work = workspace();
const open = (path: string) => openCheckpoint(work.path(path), { addon });
const bytes = safetensors({ "a.weight": { shape: [2, 3] } });

function fifo(path: string): void {
  mkdirSync(dirname(work.path(path)), { recursive: true });
  execFileSync("mkfifo", [work.path(path)]);
}

function index(folder: string, shard: unknown): void {
  work.write(`${folder}/model.safetensors.index.json`, { weight_map: { "a.weight": shard } });
}

describe("weight_map", () => {
  work.write("outside.safetensors", bytes);
  it.each([
    "../outside.safetensors",
    work.path("outside.safetensors"),
    "sub/a.safetensors",
    "sub\\a.safetensors",
    "..safetensors",
    ".safetensors",
    "a.safetensors\0",
    "a\0.safetensors",
    "C:a.safetensors",
    "a.bin",
    "a.safetensors.bin",
    "",
    "x".repeat(300).concat(".safetensors"),
    7,
    null,
    ["a.safetensors"],
    { a: 1 },
  ])("refuses the file name %j", async (shard) => {
    const folder = `map-${JSON.stringify(shard)
      .replace(/[^a-z0-9]/gi, "_")
      .slice(0, 60)}`;
    index(folder, shard);
    const error = await failure(open(folder));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("weight_map names unsafe or impossible files");
    expect(error.message).toContain("a.weight: ");
  });

  it("must be an object with something in it", async () => {
    for (const [i, weightMap] of [[], null, "a", undefined, {}].entries()) {
      work.write(`shape-${i}/model.safetensors.index.json`, { weight_map: weightMap });
      expect((await failure(open(`shape-${i}`))).message).toContain("weight_map");
    }
  });

  it("may name tensors like members of every object", async () => {
    work.write("proto/a.safetensors", safetensors({ __proto__x: { shape: [1] }, constructor: { shape: [1] } }));
    work.write(
      "proto/model.safetensors.index.json",
      '{"weight_map": {"__proto__x": "a.safetensors", "constructor": "a.safetensors"}}',
    );
    expect([...(await open("proto")).tensors.keys()]).toEqual(["__proto__x", "constructor"]);
    work.write("proto2/model.safetensors.index.json", '{"weight_map": {"__proto__": "a.safetensors"}}');
    work.write("proto2/a.safetensors", bytes);
    expect((await failure(open("proto2"))).message).toContain("tensor __proto__ is not in a.safetensors");
  });
});

describe("links and special files", () => {
  it("refuses a shard that links out of the folder", async () => {
    index("link", "a.safetensors");
    symlinkSync("../outside.safetensors", work.path("link/a.safetensors"));
    const error = await failure(open("link"));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("leads out of the model's folder");
  });

  it("refuses a configuration that links out of the folder", async () => {
    work.write("config-link/model.safetensors", bytes);
    work.write("private.json", { password: "x" });
    symlinkSync(work.path("private.json"), work.path("config-link/config.json"));
    expect((await failure(open("config-link"))).message).toContain("leads out of the model's folder");
  });

  it("refuses a snapshot that links into another repository's blobs, or beside its own", async () => {
    work.write("hub/models--b--c/blobs/x", bytes);
    work.write("hub/models--a--b/blobs-evil/x", bytes);
    for (const [i, target] of ["../../../models--b--c/blobs/x", "../../blobs-evil/x"].entries()) {
      const snapshot = `hub/models--a--b/snapshots/${i}`;
      mkdirSync(work.path(snapshot), { recursive: true });
      symlinkSync(target, work.path(snapshot, "model.safetensors"));
      expect((await failure(open(snapshot))).message).toContain("leads out");
    }
  });

  it("does not take any folder's neighbour named blobs for the hub's", async () => {
    work.write("plain/blobs/x", bytes);
    mkdirSync(work.path("plain/snapshots/1"), { recursive: true });
    symlinkSync("../../blobs/x", work.path("plain/snapshots/1/model.safetensors"));
    expect((await failure(open("plain/snapshots/1"))).message).toContain("leads out");
  });

  it("follows a link that stays inside", async () => {
    work.write("inside/real.safetensors", bytes);
    symlinkSync("real.safetensors", work.path("inside/model.safetensors"));
    expect((await open("inside")).tensors.size).toBe(1);
  });

  it("names links that lead in a circle", async () => {
    mkdirSync(work.path("circle"));
    symlinkSync("model.safetensors", work.path("circle/model.safetensors"));
    expect((await failure(open("circle"))).code).toBe("BAD_INPUT");
  });

  it.each(["model.safetensors", "model.safetensors.index.json"])("does not wait for a FIFO named %s", async (name) => {
    fifo(`fifo-${name}/${name}`);
    const error = await failure(open(`fifo-${name}`));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("a FIFO, not a regular file");
  });

  it("does not wait for a FIFO in the place of config.json or of a shard", async () => {
    work.write("fifo-config/model.safetensors", bytes);
    fifo("fifo-config/config.json");
    expect((await failure(open("fifo-config"))).message).toContain("a FIFO");
    index("fifo-shard", "a.safetensors");
    fifo("fifo-shard/a.safetensors");
    expect((await failure(open("fifo-shard"))).message).toContain("a FIFO");
  });

  it("refuses devices and folders in the place of weights", async () => {
    mkdirSync(work.path("device"));
    symlinkSync("/dev/zero", work.path("device/model.safetensors"));
    expect((await failure(open("device"))).code).toBe("BAD_INPUT");
    mkdirSync(work.path("folder/model.safetensors"), { recursive: true });
    expect((await failure(open("folder"))).message).toContain("a folder, not a regular file");
  });
});

describe("contents that are not what the name says", () => {
  it.each([
    ["a Git LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")],
    ["a web page", Buffer.from("<!DOCTYPE html><html><body>404</body></html>")],
    ["a pickle", Buffer.from([0x80, 0x02, 0x63, 0x6f, 0x73, 0x0a, 0x73, 0x79, 0x73, 0x74, 0x65, 0x6d, 0x0a, 0x2e])],
    ["a zip archive", Buffer.from("PK\x03\x04 archive/data.pkl and more of it")],
  ])("are refused: %s named model.safetensors", async (what, content) => {
    work.write(`content-${what}/model.safetensors`, content);
    const error = await failure(open(`content-${what}`));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message.toLowerCase()).toMatch(/lfs|html|web page|pickle|zip/);
  });

  it("never run a model's own code", async () => {
    work.write("code/model.safetensors", bytes);
    work.write("code/config.json", { auto_map: { AutoModel: "canary.Model" } });
    work.write("code/canary.py", "raise SystemExit('ran')\n");
    work.write("code/canary.js", "throw new Error('ran')\n");
    expect((await open("code")).config.auto_map).toEqual({ AutoModel: "canary.Model" });
  });
});
