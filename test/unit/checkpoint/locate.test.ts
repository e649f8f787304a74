import { mkdirSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { hubCache, locate } from "../../../lib/checkpoint/locate.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { failure, safetensors, workspace } from "./fixtures.js";

const addon = loadAddon();
const work = workspace();
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const OTHER = "fedcba9876543210fedcba9876543210fedcba98";

/** A repository as huggingface_hub lays it out: snapshots of links into blobs. */
function cached(id: string, commit: string, refs: readonly string[], rows = 4): void {
  const repository = `hub/models--${id.replaceAll("/", "--")}`;
  for (const ref of refs) work.write(`${repository}/refs/${ref}`, commit);
  work.write(`${repository}/blobs/config-${commit}`, { model_type: "llama" });
  work.write(
    `${repository}/blobs/weights-${commit}`,
    safetensors({ "model.embed_tokens.weight": { shape: [rows, 2] } }),
  );
  const snapshot = work.path(repository, "snapshots", commit);
  mkdirSync(snapshot, { recursive: true });
  symlinkSync(`../../blobs/config-${commit}`, `${snapshot}/config.json`);
  symlinkSync(`../../blobs/weights-${commit}`, `${snapshot}/model.safetensors`);
}

cached("org/name", COMMIT, ["main"]);
cached("org/name", OTHER, ["v2", "refs/pr/1"], 6);
const options = { cache: work.path("hub"), cwd: work.root, env: {} };

describe("locate", () => {
  it("takes an existing path as it is, relative to the working directory", async () => {
    work.model("local/here", { "a.weight": { shape: [1] } });
    expect(await locate({ path: "local/here" }, options)).toBe(work.path("local/here"));
    expect(await locate({ path: work.path("local/here"), revision: "v9" }, options)).toBe(work.path("local/here"));
  });

  it("finds the main revision of a hub id in the cache", async () => {
    expect(await locate({ path: "org/name" }, options)).toBe(work.path("hub/models--org--name/snapshots", COMMIT));
  });

  it("resolves branches, pull requests and commits", async () => {
    const other = work.path("hub/models--org--name/snapshots", OTHER);
    expect(await locate({ path: "org/name", revision: "v2" }, options)).toBe(other);
    expect(await locate({ path: "org/name", revision: "refs/pr/1" }, options)).toBe(other);
    expect(await locate({ path: "org/name", revision: OTHER }, options)).toBe(other);
  });

  it("says what it looked for when a model does not exist", async () => {
    const error = await failure(locate({ path: "org/absent" }, options));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toContain("The model org/absent does not exist");
    expect(error.message).toContain(options.cache);
    expect(error.hint).toContain("retemper pull org/absent");
  });

  it("tells a missing path from a missing hub id", async () => {
    const error = await failure(locate({ path: "./models/nothing/here" }, options));
    expect(error.message).toContain("is not a hub id");
    expect(error.hint).toContain("working directory");
  });

  it("names the revision that the cache lacks", async () => {
    const error = await failure(locate({ path: "org/name", revision: "v3" }, options));
    expect(error.message).toContain("no snapshot of revision v3");
  });

  it("lets neither ids nor revisions nor refs leave the cache", async () => {
    work.write("hub/models--org--name/refs/evil", "../../../local/here");
    for (const part of [
      { path: "org/../../local" },
      { path: "org--name/x" },
      { path: "org/name", revision: "../snapshots" },
      { path: "org/name", revision: "/etc/passwd" },
      { path: "org/name", revision: "evil" },
      { path: "a\0b" },
      { path: "" },
    ]) {
      expect((await failure(locate(part, options))).code).toBe("BAD_INPUT");
    }
  });
});

describe("hubCache", () => {
  it("follows the environment as huggingface_hub does", () => {
    expect(hubCache({ cache: "/c", env: { HF_HUB_CACHE: "/a" } })).toBe("/c");
    expect(hubCache({ env: { HF_HUB_CACHE: "/a", HF_HOME: "/b" } })).toBe("/a");
    expect(hubCache({ env: { HF_HOME: "/b" } })).toBe("/b/hub");
    expect(hubCache({ env: { HF_HOME: "~/b", HOME: "/home/u" } })).toBe("/home/u/b/hub");
    expect(hubCache({ env: { XDG_CACHE_HOME: "/x" } })).toBe("/x/huggingface/hub");
    expect(hubCache({ env: { HOME: "/home/u" } })).toBe("/home/u/.cache/huggingface/hub");
  });
});

describe("a model in the hub's cache", () => {
  it("opens through the links into blobs", async () => {
    const opened = await openCheckpoint(
      { text: "org/name@v2", path: "org/name", revision: "v2" },
      { ...options, addon },
    );
    expect(opened.reference).toBe("org/name@v2");
    expect(opened.tensors.get("model.embed_tokens.weight")?.shape).toEqual([6, 2]);
    expect(opened.config).toEqual({ model_type: "llama" });
  });

  it("opens through a link to the snapshot's folder", async () => {
    symlinkSync(work.path("hub/models--org--name/snapshots", COMMIT), work.path("shortcut"));
    const opened = await openCheckpoint("shortcut", { ...options, addon });
    expect(opened.tensors.size).toBe(1);
  });

  it("names an incomplete download", async () => {
    const snapshot = work.path("hub/models--org--partial/snapshots", COMMIT);
    work.write("hub/models--org--partial/refs/main", COMMIT);
    mkdirSync(snapshot, { recursive: true });
    symlinkSync("../../blobs/missing", `${snapshot}/model.safetensors`);
    const error = await failure(openCheckpoint("org/partial", { ...options, addon }));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.hint).toContain("the download is incomplete");
  });
});
