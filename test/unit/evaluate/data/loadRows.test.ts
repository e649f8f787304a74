// Data references: files, folders, and data sets on a hub.

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { parseHubReference } from "../../../../lib/evaluate/data/hubReference.js";
import { loadRows } from "../../../../lib/evaluate/data/loadRows.js";
import { COMMIT, mockHub } from "../../hub/mockHub.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-load-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const parquet = readFileSync(new URL("fixtures/snappy.parquet", import.meta.url));
const server = await mockHub();
let hub = {};

beforeEach(() => {
  server.files.clear();
  server.fault = undefined;
  hub = {
    endpoint: server.endpoint,
    cache: mkdtempSync(join(folder, "cache-")),
    env: { HF_HOME: folder },
    retryDelayMs: 1,
  };
});

describe("loadRows", () => {
  it("records a file's digest and its rows", async () => {
    const path = join(folder, "set.csv");
    writeFileSync(path, "goal\na\nb\n");
    const { facts, files } = await loadRows(path);
    const sha256 = createHash("sha256").update("goal\na\nb\n").digest("hex");
    expect(facts).toEqual({ source: path, commit: undefined, rows: 2, files: [{ name: "set.csv", sha256, rows: 2 }] });
    expect(files[0]?.rows).toEqual([{ goal: "a" }, { goal: "b" }]);
  });

  it("reads a folder's files in the order of their numbers", async () => {
    const path = join(folder, "categories");
    mkdirSync(path);
    for (const number of [10, 2, 1]) writeFileSync(join(path, `category_${number}.csv`), `question ${number}\n`);
    writeFileSync(join(path, "README.md"), "not data");
    const { files } = await loadRows(path, { headless: ["prompt"] });
    expect(files.map(({ name }) => name)).toEqual(["category_1.csv", "category_2.csv", "category_10.csv"]);
  });

  it("refuses an empty set and an empty folder", async () => {
    const path = join(folder, "empty.csv");
    writeFileSync(path, "goal\n");
    await expect(loadRows(path)).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("no rows"),
    });
    mkdirSync(join(folder, "nothing"));
    await expect(loadRows(join(folder, "nothing"))).rejects.toMatchObject({ code: "BAD_INPUT" });
  });

  it("downloads a split's Parquet files and records the commit", async () => {
    server.files.set("org/set/data/test-00000-of-00002.parquet", { content: parquet, lfs: true });
    server.files.set("org/set/data/test-00001-of-00002.parquet", { content: parquet, lfs: true });
    server.files.set("org/set/data/train-00000-of-00001.parquet", { content: parquet, lfs: true });
    const { facts } = await loadRows("hf://datasets/org/set?split=test", { hub });
    expect(facts).toMatchObject({ commit: COMMIT, rows: 6 });
    expect(facts.files.map(({ name }) => name)).toEqual([
      "data/test-00000-of-00002.parquet",
      "data/test-00001-of-00002.parquet",
    ]);
    // and finds them again without the network, by the branch's name
    const again = await loadRows("hf://datasets/org/set?split=test", { hub: { ...hub, offline: true } });
    expect(again.facts).toEqual(facts);
  });

  it("takes one configuration of several, and lists them where none is named", async () => {
    server.files.set("org/set/one/test/0000.parquet", { content: parquet });
    server.files.set("org/set/two/test/0000.parquet", { content: parquet });
    const { facts } = await loadRows("hf://datasets/org/set?config=two&split=test", { hub });
    expect(facts.files.map(({ name }) => name)).toEqual(["two/test/0000.parquet"]);
    await expect(loadRows("hf://datasets/org/set?split=test", { hub })).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringMatching(/one\/test\/, two\/test\//),
    });
  });

  it("says which files there are where the split is wrong", async () => {
    server.files.set("org/set/data/train-00000-of-00001.parquet", { content: parquet });
    await expect(loadRows("hf://datasets/org/set?split=test", { hub })).rejects.toMatchObject({
      code: "BAD_INPUT",
      hint: expect.stringContaining("train-00000-of-00001.parquet"),
    });
  });

  it("takes one file by its path, at a revision", async () => {
    server.files.set("org/set/data/some rows.csv", { content: Buffer.from("prompt\nx\n") });
    const { facts } = await loadRows(`hf://datasets/org/set@${COMMIT}/data/some rows.csv`, { hub });
    expect(facts).toMatchObject({ commit: COMMIT, rows: 1, files: [{ name: "data/some rows.csv" }] });
  });

  it("fails with the hub's own refusal", async () => {
    await expect(loadRows("hf://datasets/org/absent", { hub })).rejects.toMatchObject({ code: "NETWORK" });
  });
});

describe("parseHubReference", () => {
  it("reads dataset, revision, path, configuration and split", () => {
    expect(parseHubReference("hf://datasets/org/set@refs%2Fpr%2F1?config=a&split=test")).toEqual({
      dataset: "org/set",
      revision: "refs/pr/1",
      path: undefined,
      config: "a",
      split: "test",
    });
    expect(parseHubReference("hf://datasets/org/set/a/b.csv")).toMatchObject({ revision: "main", path: "a/b.csv" });
  });

  it.each([
    "hf://org/set",
    "hf://datasets/set",
    "hf://datasets/org/set?x=1",
    "hf://datasets/org/set/../x",
    "hf://datasets/../set",
    "hf://datasets/org/set@..%2F..%2Fx",
  ])("refuses %s", (text) => {
    expect(() => parseHubReference(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/USAGE|BAD_INPUT/) }),
    );
  });
});
