// `pull`: models and adapters of the hub, whole and once, from a hub that breaks off, lies and refuses.

import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { RetemperError } from "../../../lib/errors.js";
import { type PullOptions, pull } from "../../../lib/merge/pull.js";
import { READER, startHub, WRITER } from "../../hub/hubServer.js";
import { adapterOf, bytes, NEEDED, shardedModel, singleModel } from "../../hub/models.js";

const hub = await startHub();
const root = mkdtempSync(join(tmpdir(), "retemper-pull-"));
afterAll(async () => {
  await hub.close();
  rmSync(root, { recursive: true, force: true });
});

let cache = "";
let notes: string[] = [];
beforeEach(() => {
  cache = mkdtempSync(join(root, "cache-"));
  notes = [];
  hub.clear();
});

const options = (more: PullOptions = {}): PullOptions => ({
  transformersCache: cache,
  ...more,
  hub: {
    env: { HF_HOME: root },
    endpoint: hub.endpoint,
    retryDelayMs: 1,
    onNote: (note) => notes.push(note),
    ...more.hub,
  },
});
const model = (name: string, more: PullOptions = {}) => pull(name, options(more));
const failed = async (name: string, more: PullOptions = {}): Promise<RetemperError> =>
  model(name, more).then(
    () => expect.fail("it did not fail"),
    (error) => error,
  );
const namesIn = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
/** That everything which has a name in a snapshot is what the hub has, and nothing else lies beside the blobs. */
function expectWhole(id: string, folder: string) {
  const contents = hub.contents(id);
  for (const name of namesIn(folder))
    expect(readFileSync(join(folder, name)).equals(contents[name] as Buffer)).toBe(true);
  expect(readdirSync(join(dirname(dirname(folder)), "blobs")).filter((name) => name.includes("."))).toEqual([]);
}

describe("pull", () => {
  it("takes safetensors, configuration, tokenizer, licence and card, and no other form of the weights", async () => {
    hub.put("org/single", singleModel());
    const report = await model("org/single");
    expect(namesIn(report.folder)).toEqual(NEEDED);
    expect(report.files.map(({ path }) => path).sort()).toEqual(NEEDED);
    expect(report.bytes).toBe(
      report.files.reduce((sum, { path }) => sum + statSync(join(report.folder, path)).size, 0),
    );
    expectWhole("org/single", report.folder);
  });

  it("takes the shards that the index names", async () => {
    hub.put("org/sharded", { ...shardedModel(), "model-00003-of-00002.safetensors": bytes(10) });
    const { folder } = await model("org/sharded");
    expect(namesIn(folder).filter((name) => name.endsWith(".safetensors"))).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
    expectWhole("org/sharded", folder);
  });

  it("takes .bin files only where there are no safetensors", async () => {
    const { "model.safetensors": _, ...others } = singleModel();
    hub.put("org/old", others);
    const { folder } = await model("org/old");
    expect(namesIn(folder).filter((name) => /\.(bin|gguf|safetensors)$/.test(name))).toEqual(["pytorch_model.bin"]);
  });

  it("takes one GGUF file by its name, with all parts of it, and says which there are", async () => {
    hub.put("org/quantised", {
      "small-Q4_K_M.gguf": bytes(100),
      "Q8_0/big-00001-of-00002.gguf": bytes(200),
      "Q8_0/big-00002-of-00002.gguf": bytes(300),
      "mmproj-f16.gguf": bytes(50),
    });
    const error = await failed("org/quantised");
    expect(error).toMatchObject({
      code: "BAD_INPUT",
      hint: expect.stringContaining("org/quantised/Q8_0/big-00001-of-00002.gguf"),
    });
    const { folder } = await model("org/quantised/Q8_0/big-00001-of-00002.gguf");
    expect(namesIn(folder).filter((name) => name.endsWith(".gguf"))).toEqual([
      "Q8_0/big-00001-of-00002.gguf",
      "Q8_0/big-00002-of-00002.gguf",
    ]);
  });

  it("takes the model under an adapter too, by the adapter's configuration", async () => {
    hub.put("org/under", singleModel());
    hub.put("org/adapter", adapterOf("org/under"));
    const { folder, base } = await model("org/adapter");
    expect(namesIn(folder)).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
    expect(base).toMatchObject({ model: "org/under" });
    expectWhole("org/under", base?.folder ?? "");
    const alone = await model("org/adapter", { base: false });
    expect(alone.base).toBeUndefined();
  });

  it("leaves out a base that is a path, and says so", async () => {
    hub.put("org/local", adapterOf("/home/somebody/model"));
    expect((await model("org/local")).base).toBeUndefined();
    expect(notes).toContainEqual(expect.stringMatching(/base \/home\/somebody\/model is not a name on the hub/));
  });

  it("says what comes, how much it is, and how far it got", async () => {
    hub.put("org/single", singleModel());
    const seen: { done: number; total: number }[] = [];
    const report = await model("org/single", { hub: { onProgress: (progress) => seen.push(progress) } });
    expect(notes).toEqual([expect.stringMatching(/^the model org\/single at main is downloaded into .*: \d+ kB$/)]);
    expect(seen.at(0)).toMatchObject({ done: 0, total: report.bytes });
    expect(seen.at(-1)).toMatchObject({ done: report.bytes, total: report.bytes });
  });

  it("asks once for what the files are, and for each file once", async () => {
    hub.put("org/single", singleModel());
    await model("org/single");
    const asked = hub.seen.filter(({ host, url }) => host === "hub" && !url.startsWith("/api/resolve-cache"));
    expect(asked.map(({ method }) => method)).toEqual(new Array(1 + NEEDED.length).fill("GET"));
    hub.clear();
    const again = await model("org/single");
    expect(hub.seen).toHaveLength(1);
    expect(again.downloaded).toBe(0);
    expect(notes).toHaveLength(1); // nothing is announced that does not come
  });

  it("keeps revisions apart, and remembers what a branch means once all of it is here", async () => {
    hub.put("org/moving", singleModel(1));
    const first = await model("org/moving");
    const next = hub.put("org/moving", singleModel(2));
    hub.faults.push({ host: "storage", answer: 404, times: 9 });
    await failed("org/moving");
    const ref = join(dirname(dirname(first.folder)), "refs/main");
    expect(readFileSync(ref, "utf8")).toBe(first.commit); // what was whole stays what main means
    hub.clear();
    const second = await model("org/moving");
    expect(second.commit).toBe(next.sha);
    expect(readFileSync(ref, "utf8")).toBe(next.sha);
    expect((await model(`org/moving@${first.commit}`)).folder).toBe(first.folder);
  });

  it("lays links into blobs that are named by their digests", async () => {
    hub.put("org/single", singleModel());
    const { folder } = await model("org/single");
    expect(readlinkSync(join(folder, "model.safetensors"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(readlinkSync(join(folder, "config.json"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
  });

  it("goes to the new name of a repository that was renamed", async () => {
    hub.put("org/new-name", singleModel());
    hub.store.renamed.set("org/old-name", "org/new-name");
    const { folder } = await model("org/old-name");
    expect(namesIn(folder)).toEqual(NEEDED);
  });
});

describe("pull from a hub that fails", () => {
  const SHARD = /\/objects\//;
  const big = { ...shardedModel(1, 64) };
  beforeEach(() => void hub.put("org/big", big));

  it.each([
    ["connections that are cut", { host: "storage", cutAnswer: 9000, times: 4 }],
    ["bodies that are too short", { host: "storage", shorten: 5000, times: 2 }],
    ["bytes that are wrong once", { host: "storage", corrupt: 3000, times: 1 }],
    ["429 that says when to come again", { answer: { status: 429, headers: { "retry-after": "0" } }, times: 3 }],
    ["500", { answer: 500, times: 2 }],
    ["503 from the storage", { host: "storage", answer: 503, times: 3 }],
    ["a listing that breaks off", { url: /^\/api\/models\//, cutAnswer: 40, times: 2 }],
  ] as const)("has the same bytes at the end after %s", async (_, fault) => {
    hub.faults.push(fault);
    const { folder } = await model("org/big");
    expectWhole("org/big", folder);
  });

  it("keeps what came before an end, and goes on there", async () => {
    hub.faults.push({ host: "storage", hold: 9000, times: 2 });
    const stop = new AbortController();
    const one = model("org/big", { signal: stop.signal });
    const blobs = join(cache, "models--org--big/blobs");
    const parts = () => (existsSync(blobs) ? readdirSync(blobs).filter((name) => name.endsWith(".incomplete")) : []);
    await expect.poll(() => parts().filter((name) => statSync(join(blobs, name)).size === 9000)).toHaveLength(2);
    stop.abort(new Error("Ctrl-C"));
    await expect(one).rejects.toThrow("Ctrl-C");
    hub.release();
    expect(parts().every((name) => /^[0-9a-f]{64}\.incomplete$/.test(name))).toBe(true); // where huggingface_hub looks
    hub.clear();
    const { folder } = await model("org/big");
    expect(hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      "bytes=9000-",
      "bytes=9000-",
    ]);
    expectWhole("org/big", folder);
  });

  it("refuses bytes that stay wrong, and keeps nothing of them", async () => {
    hub.faults.push({ host: "storage", url: SHARD, corrupt: 3000, times: 99 });
    const error = await failed("org/big");
    expect(error).toMatchObject({ code: "NETWORK", message: expect.stringContaining("does not have its digest") });
    const blobs = readdirSync(join(cache, "models--org--big/blobs"));
    expect(blobs.filter((name) => name.length === 64)).toEqual([]);
    expect(existsSync(join(cache, "models--org--big/refs/main"))).toBe(false);
  });

  it("ends at more bytes than a file has", async () => {
    const page = { status: 200, body: bytes(200_000) };
    hub.faults.push({ host: "storage", answer: page, times: 99 });
    const error = await failed("org/big");
    expect(error).toMatchObject({ code: "NETWORK", message: expect.stringMatching(/more than \d+ bytes came/) });
  });

  it("sends its token nowhere else, wherever it is led", async () => {
    hub.put("org/secret", singleModel(), { private: true });
    await model("org/secret", { hub: { token: WRITER } });
    expect(new Set(hub.seen.filter(({ host }) => host === "storage").map((one) => one.authorization))).toEqual(
      new Set([undefined]),
    );
    hub.clear();
    hub.put("org/secret", singleModel(3), { private: true });
    for (const url of [/^\/api\/models\/org\/secret/, /config\.json/, SHARD])
      hub.faults.push({ url, redirect: `${hub.elsewhere}/x`, times: 9 });
    await failed("org/secret", { hub: { token: WRITER } });
    const elsewhere = hub.seen.filter(({ host }) => host === "elsewhere");
    expect(elsewhere.length).toBeGreaterThan(0);
    expect(elsewhere.map(({ authorization }) => authorization)).toEqual(elsewhere.map(() => undefined));
  });

  it("repairs with verify what the cache has and is not what its name says", async () => {
    const { folder } = await model("org/big");
    const file = join(folder, "model-00001-of-00002.safetensors");
    const right = readFileSync(file);
    writeFileSync(file, Buffer.alloc(right.length));
    expect((await model("org/big", { verify: true })).folder).toBe(folder);
    expect(readFileSync(file).equals(right)).toBe(true);
    expect(notes).toContainEqual(expect.stringContaining("is damaged: it is downloaded again"));
  });

  it("downloads nothing where the disk has no room", async () => {
    hub.faults.push({
      url: /^\/api\/models\//,
      reword: [/"size":\d+,"pointerSize"/g, '"size":9000000000000000,"pointerSize"'],
    });
    hub.put("org/huge", singleModel());
    const error = await failed("org/huge");
    expect(error.code).toBe("NO_SPACE");
    expect(hub.seen).toHaveLength(1);
  });
});

describe("pull tells apart", () => {
  it("what is gated, with and without a token", async () => {
    hub.put("closed/model", singleModel(), { gated: true });
    const without = await failed("closed/model");
    expect(without).toMatchObject({
      code: "NETWORK",
      reason: "gated",
      hint: expect.stringMatching(/accept its terms at .*closed\/model, then set HF_TOKEN/),
    });
    const token = await failed("closed/model", { hub: { token: READER } });
    expect(token).toMatchObject({
      reason: "gated",
      message: expect.stringContaining("the account of your token has no access"),
    });
    hub.store.users.get(READER)?.accepted.add("closed/model");
    expect((await model("closed/model", { hub: { token: READER } })).files).not.toEqual([]);
  });

  it("what is private or not there, a revision, and a token that nobody has", async () => {
    hub.put("closed/private", singleModel(), { private: true });
    for (const name of ["closed/private", "org/nothing"]) {
      expect(await failed(name)).toMatchObject({
        code: "NETWORK",
        reason: "not-found",
        message: expect.stringContaining("it does not exist, or it is private"),
      });
      expect(await failed(name, { hub: { token: READER } })).toMatchObject({
        reason: "not-found",
        message: expect.stringContaining("the account of your token may not see it"),
      });
    }
    hub.put("org/single", singleModel());
    expect(await failed("org/single@v9")).toMatchObject({
      reason: "not-found",
      message: expect.stringContaining("no such revision"),
    });
    expect(await failed("org/single", { hub: { token: "hf_wrong" } })).toMatchObject({
      reason: "token",
      hint: expect.stringContaining("not valid"),
    });
  });

  it("a repository without a model, and an index that names what is not there", async () => {
    hub.put("org/pictures", { "unet/diffusion_pytorch_model.safetensors": bytes(10) });
    expect(await failed("org/pictures")).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("no weights that are read here"),
    });
    const { "model-00002-of-00002.safetensors": _, ...half } = shardedModel();
    hub.put("org/half", half);
    expect(await failed("org/half")).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("model-00002-of-00002.safetensors"),
    });
    hub.put("org/escape", {
      ...shardedModel(),
      "model.safetensors.index.json": '{"weight_map": {"a": "../../x.safetensors"}}',
    });
    expect(await failed("org/escape")).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("../../x.safetensors"),
    });
  });

  it("what is no name of the hub", async () => {
    for (const name of ["./model", "/models/x", "a/b/c", "org/name@", "hf://org/name", ""]) {
      expect(await failed(name)).toMatchObject({ code: "USAGE" });
    }
    expect(hub.seen).toEqual([]);
  });

  it("being offline, with and without a copy", async () => {
    hub.put("org/single", singleModel());
    const offline = { hub: { env: { HF_HOME: root, HF_HUB_OFFLINE: "1" } } };
    expect(await failed("org/single", offline)).toMatchObject({
      code: "NETWORK",
      hint: expect.stringContaining("unset HF_HUB_OFFLINE"),
    });
    const { folder } = await model("org/single");
    hub.clear();
    expect(await model("org/single", offline)).toMatchObject({ folder, downloaded: 0 });
    expect(hub.seen).toEqual([]);
  });
});

describe("what huggingface_hub left", () => {
  it("is gone on with, and not downloaded where it is whole", async () => {
    hub.put("org/big", shardedModel(1, 64));
    const { folder } = await model("org/big");
    const blob = readlinkSync(join(folder, "model-00001-of-00002.safetensors")).split("/").at(-1) ?? "";
    const blobs = join(cache, "models--org--big/blobs");
    const content = readFileSync(join(blobs, blob));
    rmSync(join(blobs, blob));
    writeFileSync(join(blobs, `${blob}.1a2b3c4d.incomplete`), content.subarray(0, 777));
    hub.clear();
    await model("org/big");
    expect(hub.seen.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual(["bytes=777-"]);
    expectWhole("org/big", folder);
  });
});
