// What a push brings to the hub, and what it sends again.

import { statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { PushProgress } from "../../../lib/push/pushProgress.js";
import { READER, startHub } from "../../hub/hubServer.js";
import { asPushed, CARD, MODEL, onHub, pushPlace, weights } from "./pushFixture.js";

const hub = await startHub();
afterAll(() => hub.close());
const place = pushPlace(hub);
beforeEach(() => {
  hub.clear();
  place.notes.length = 0;
});

let count = 0;
const name = () => `org/model-${count++}`;
const puts = () => hub.seen.filter(({ method }) => method === "PUT").map(({ received }) => received);
const commits = (id: string) => hub.repository(id)?.commits.size;

describe("a push", () => {
  it("makes the repository and brings all files by one commit, the large ones in parts", async () => {
    const [id, out] = [name(), place.folder()];
    const report = await place.push(out, id, { message: "First", description: "of all" });
    expect(onHub(hub, id)).toEqual(asPushed(out));
    expect(commits(id)).toBe(2); // with the one that makes the repository
    const head = hub.repository(id)?.commits.get(report.commit ?? "");
    expect(head).toMatchObject({ message: "First", description: "of all" });
    expect(report).toMatchObject({ what: "model", kind: "model", made: true, deleted: [], leftOut: [], warnings: [] });
    expect(report.commitUrl).toBe(`${hub.endpoint}/${id}/commit/${report.commit}`);
    const size = statSync(join(out, "model.safetensors")).size;
    expect(puts().sort((a, b) => b - a)).toEqual([40_000, 40_000, 40_000, 40_000, size - 160_000]);
    expect(report.sentBytes).toBe(size);
    expect(hub.repository(id)?.private).toBe(false);
  });

  it("sends nothing again that the repository has, and makes no commit where nothing is new", async () => {
    const [id, out] = [name(), place.folder()];
    const first = await place.push(out, id);
    hub.clear();
    const second = await place.push(out, id);
    expect(second.commit).toBe(first.commit);
    expect(new Set(second.files.map(({ state }) => state))).toEqual(new Set(["unchanged"]));
    expect(puts()).toEqual([]);
    writeFileSync(join(out, "config.json"), '{"model_type":"qwen2","architectures":["Qwen2ForCausalLM"]}');
    const third = await place.push(out, id);
    expect(third.files.filter(({ state }) => state === "sent").map(({ path }) => path)).toEqual(["config.json"]);
    expect(puts()).toEqual([]);
    expect(onHub(hub, id)).toEqual(asPushed(out));
  });

  it("takes away the weights of an older push that would be loaded in place of the new ones, and nothing else", async () => {
    const id = name();
    const index = '{"weight_map":{"model.embed_tokens.weight":"model-00001-of-00001.safetensors"}}';
    const { "model.safetensors": one, ...rest } = MODEL;
    const shards = { ...rest, "model-00001-of-00001.safetensors": weights(50), "model.safetensors.index.json": index };
    hub.put(id, { "model.safetensors": one as Buffer, "notes.txt": "mine", "extra/model.safetensors": weights(3) });
    const report = await place.push(place.folder(shards), id);
    expect(report.deleted).toEqual(["model.safetensors"]);
    expect(Object.keys(hub.contents(id))).toEqual(expect.arrayContaining(["notes.txt", "extra/model.safetensors"]));
    expect(Object.keys(hub.contents(id))).not.toContain("model.safetensors");
  });

  it("goes into a folder of the repository", async () => {
    const [id, out] = [name(), place.folder()];
    await place.push(out, id, { into: "merges/one" });
    expect(Object.keys(onHub(hub, id)).sort()).toEqual(
      Object.keys(MODEL)
        .map((path) => `merges/one/${path}`)
        .sort(),
    );
  });

  it("goes to a branch that it makes, and to a pull request", async () => {
    const [id, out] = [name(), place.folder()];
    hub.put(id, { "config.json": "{}" });
    const branch = await place.push(out, id, { revision: "next/one" });
    expect(onHub(hub, id, "next/one")).toEqual(asPushed(out));
    expect(hub.repository(id)?.references.get("next/one")).toBe(branch.commit);
    const asked = await place.push(out, id, { pullRequest: true });
    expect(asked.pullRequest).toBe(`${hub.endpoint}/${id}/discussions/1`);
    expect(onHub(hub, id, "refs/pr/1")).toEqual(asPushed(out));
    writeFileSync(join(out, "config.json"), '{"model_type":"qwen2"}');
    await place.push(out, id, { revision: "refs/pr/1" });
    expect(hub.contents(id, "refs/pr/1")["config.json"]?.toString()).toBe('{"model_type":"qwen2"}');
    expect(hub.contents(id)["config.json"]?.toString()).toBe("{}");
  });

  it("keeps what is to be private private: a new repository is, and a public one is refused before a byte is sent", async () => {
    const [id, out] = [name(), place.folder()];
    await place.push(out, id, { private: true });
    expect(hub.repository(id)?.private).toBe(true);
    const open = name();
    hub.put(open, { "config.json": "{}" });
    hub.clear();
    await expect(place.push(out, open, { private: true })).rejects.toMatchObject({ code: "USAGE" });
    expect(hub.seen.map(({ method }) => method)).toEqual(["GET"]);
  });

  it("tells how far it is, by bytes", async () => {
    const seen: PushProgress[] = [];
    const report = await place.push(place.folder({ ...MODEL, "model.safetensors": weights(70_000) }), name(), {
      onProgress: (progress) => seen.push(progress),
    });
    const last = seen.at(-1);
    expect(last).toMatchObject({ phase: "send", done: report.sentBytes, total: report.sentBytes });
    expect(seen[0]).toMatchObject({ phase: "read", done: 0 });
    expect(seen.every(({ done, total }) => done <= total)).toBe(true);
  });

  it("lists what it would send, and asks nobody, in a dry run", async () => {
    const report = await place.push(place.folder(), name(), { dryRun: true, token: "" });
    expect(report.files.map(({ path }) => path)).toEqual(Object.keys(MODEL).sort());
    expect(report.commit).toBeUndefined();
    expect(hub.seen).toEqual([]);
  });
});

describe("before anything is sent", () => {
  const refused = async (out: string, options = {}) => {
    const error = await place.push(out, name(), options).catch((reason) => reason);
    expect(hub.seen).toEqual([]);
    return error;
  };

  it("a model is whole: a cut or a missing shard is found", async () => {
    const cut = place.folder();
    truncateSync(join(cut, "model.safetensors"), 1000);
    expect(await refused(cut)).toMatchObject({ code: "BAD_INPUT", file: join(cut, "model.safetensors") });
    const { "model.safetensors": one, ...rest } = MODEL;
    const index =
      '{"weight_map":{"model.embed_tokens.weight":"model-00001-of-00002.safetensors","lm_head.weight":"model-00002-of-00002.safetensors"}}';
    const missing = place.folder({
      ...rest,
      "model-00001-of-00002.safetensors": one as Buffer,
      "model.safetensors.index.json": index,
    });
    expect(await refused(missing)).toMatchObject({ code: "BAD_INPUT" });
  });

  it("a card's front matter can be read", async () => {
    const out = place.folder({ ...MODEL, "README.md": "---\nlicense: [mit\n---\n" });
    expect(await refused(out)).toMatchObject({ code: "BAD_INPUT", file: join(out, "README.md") });
  });

  it("a link that leads out of the folder is refused", async () => {
    const out = place.folder();
    symlinkSync("/etc/hostname", join(out, "notes.txt"));
    expect(await refused(out)).toMatchObject({ code: "BAD_INPUT", file: join(out, "notes.txt") });
  });

  it("what is neither model, adapter nor report is refused", async () => {
    expect(await refused(place.folder({ "a.txt": "x" }))).toMatchObject({ code: "BAD_INPUT" });
    expect(await refused(join(place.root, "none"))).toMatchObject({ code: "BAD_INPUT" });
  });

  it.each(["name", "org/a--b", "a/b/c", "org/..", "http://hub/org/name", ""])("%j is no repository", async (id) => {
    await expect(place.push(place.folder(), id)).rejects.toMatchObject({ code: "USAGE" });
    expect(hub.seen).toEqual([]);
  });

  it("a token is there, and the hub is not off limits", async () => {
    expect(await refused(place.folder(), { token: "" })).toMatchObject({
      code: "NETWORK",
      hint: expect.stringMatching(/HF_TOKEN/),
    });
    expect(await refused(place.folder(), { hub: { env: { ...place.env, HF_HUB_OFFLINE: "1" } } })).toMatchObject({
      code: "NETWORK",
    });
  });

  it("a commit, or a branch with a pull request, is no place to push to", async () => {
    expect(await refused(place.folder(), { revision: "0".repeat(40) })).toMatchObject({ code: "USAGE" });
    expect(await refused(place.folder(), { revision: "next", pullRequest: true })).toMatchObject({ code: "USAGE" });
  });
});

describe("what lies in the folder and is not pushed", () => {
  it("is named: hidden files, checkpoints, states of trainings, pickles beside safetensors", async () => {
    const out = place.folder({
      ...MODEL,
      ".git/config": "x",
      "checkpoint-10/model.safetensors": weights(4),
      "optimizer.pt": "x",
      "pytorch_model.bin": "x",
      "original/notes.txt": "kept",
    });
    const report = await place.push(out, name());
    expect(report.files.map(({ path }) => path)).toEqual([...Object.keys(MODEL), "original/notes.txt"].sort());
    expect(report.leftOut.map(({ path }) => path).sort()).toEqual([
      ".git",
      "checkpoint-10",
      "optimizer.pt",
      "pytorch_model.bin",
    ]);
  });

  it("and what may be amiss is said: no card, no license, no tokenizer, a base by its path", async () => {
    const { "README.md": _, "tokenizer.json": __, ...bare } = MODEL;
    const model = await place.push(place.folder(bare), name(), { dryRun: true });
    expect(model.warnings).toEqual([expect.stringMatching(/tokenizer/), expect.stringMatching(/README\.md/)]);
    const adapter = {
      "README.md": CARD.replace(/license.*\n/, ""),
      "adapter_config.json": JSON.stringify({ peft_type: "LORA", base_model_name_or_path: place.root }),
      "adapter_model.safetensors": weights(4),
    };
    const report = await place.push(place.folder(adapter), name(), { dryRun: true });
    expect(report).toMatchObject({ what: "adapter" });
    expect(report.warnings).toEqual([expect.stringMatching(/path of this machine/), expect.stringMatching(/license/)]);
  });
});

describe("a report", () => {
  const RUN = {
    "report.html": "<html></html>",
    "report.md": "# Which merge to ship\n",
    "results.json": "{}",
    "models/a/config.json": "{}",
    "answers/a.jsonl": "{}",
  };

  it("is pushed as a data set, with itself as the card of a repository that has none", async () => {
    const id = name();
    const report = await place.push(place.folder(RUN), id);
    const { ".gitattributes": _, ...files } = hub.contents(id, "main", "datasets");
    expect(Object.keys(files).sort()).toEqual(["README.md", "report.html", "report.md"]);
    expect(files["README.md"]?.toString()).toMatch(/^---\ntags: .*\n---\n# Which merge to ship/);
    expect(report.leftOut.map(({ path }) => path)).toEqual(["answers", "models", "results.json"]);
    expect(report.warnings).toEqual([]);
    hub.put(id, { "README.md": "mine" }, { kind: "datasets" });
    const quotes = "# Another\n\n## Answers side by side\n";
    const second = await place.push(place.folder({ ...RUN, "report.md": quotes }), id);
    expect(second.warnings).toEqual([expect.stringMatching(/--no-examples/)]);
    const later = hub.contents(id, "main", "datasets");
    expect([later["README.md"]?.toString(), later["report.md"]?.toString()]).toEqual(["mine", quotes]);
  });

  it("is pushed beside its model where that is asked for, also as one file", async () => {
    const id = name();
    await place.push(place.folder(), id);
    await place.push(join(place.folder(RUN), "report.html"), id, { kind: "model", into: "report" });
    expect(hub.contents(id)["report/report.html"]?.toString()).toBe("<html></html>");
  });
});

describe("a hub that refuses", () => {
  it("a card's metadata does so before a byte of the files is sent", async () => {
    const out = place.folder({ ...MODEL, "README.md": "---\nlicense: 5\n---\n" });
    const error = await place.push(out, name()).catch((reason) => reason);
    expect(error).toMatchObject({ code: "BAD_INPUT", message: expect.stringMatching(/"license" must be a string/) });
    expect(error.file).toBe(join(out, "README.md"));
    expect(puts()).toEqual([]);
  });

  it("says why, without a word of the token", async () => {
    const error = await place.push(place.folder(), "other/model").catch((reason) => reason);
    expect(error).toMatchObject({
      code: "NETWORK",
      reason: "token",
      message: expect.stringMatching(/403.*rights/),
      hint: expect.stringMatching(/write/),
    });
    const reads = await place.push(place.folder(), name(), { token: READER }).catch((reason) => reason);
    expect(reads).toMatchObject({ code: "NETWORK", message: expect.stringMatching(/403/) });
    const wrong = await place.push(place.folder(), name(), { token: "hf_secretCanary" }).catch((reason) => reason);
    expect(wrong).toMatchObject({ code: "NETWORK", hint: expect.stringMatching(/HF_TOKEN/) });
    expect(`${wrong.message}${wrong.stack}`).not.toContain("hf_secretCanary");
  });
});
