// What decides whether a step's inputs are the same: contents, not names, places or times.

import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { Digests } from "../../../lib/experiment/digests/contents.js";
import { COMMIT, mockHub } from "../hub/mockHub.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-digests-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());
let count = 0;
function newFolder(): string {
  const place = join(folder, `${count++}`);
  mkdirSync(place);
  return place;
}
const fresh = () => new Digests(newFolder());

describe("data", () => {
  it.each(["train.jsonl", "train.csv", "train.parquet", "train.json.gz", "rows.ndjson", "rows.tsv"])(
    "of a folder are others where %s in it is",
    async (name) => {
      const data = newFolder();
      writeFileSync(join(data, "more.json"), "[]");
      writeFileSync(join(data, name), '{"prompt":"a","response":"b"}\n');
      const { digest } = await fresh().data(data);
      expect(await fresh().data(data)).toEqual({ digest, pinned: data });
      writeFileSync(join(data, name), '{"prompt":"a","response":"c"}\n');
      expect((await fresh().data(data)).digest).not.toBe(digest);
    },
  );

  it("of a folder are the same in a copy of it, with other files that are not read", async () => {
    const data = newFolder();
    writeFileSync(join(data, "train.jsonl"), "{}\n");
    const copy = newFolder();
    cpSync(data, copy, { recursive: true });
    writeFileSync(join(copy, "README.md"), "about");
    expect((await fresh().data(copy)).digest).toBe((await fresh().data(data)).digest);
  });

  it("of the hub are what their files hold, and are read at that commit", async () => {
    const hub = await mockHub();
    vi.stubEnv("HF_ENDPOINT", hub.endpoint);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    vi.stubEnv("HF_HUB_CACHE", newFolder());
    const reference = "hf://datasets/org/rows/train.jsonl";
    hub.files.set("org/rows/train.jsonl", { content: Buffer.from('{"prompt":"a"}\n') });
    const first = await fresh().data(reference);
    expect(first.pinned).toBe(`hf://datasets/org/rows@${COMMIT}/train.jsonl`);

    hub.commit = "1".repeat(40); // a commit that changed other files
    const second = await fresh().data(reference);
    expect(second).toEqual({ digest: first.digest, pinned: `hf://datasets/org/rows@${"1".repeat(40)}/train.jsonl` });
    expect(await fresh().data(second.pinned)).toEqual(second);

    hub.commit = "2".repeat(40);
    hub.files.set("org/rows/train.jsonl", { content: Buffer.from('{"prompt":"b"}\n') });
    expect((await fresh().data(reference)).digest).not.toBe(first.digest);
  });

  it("of the hub keep configuration and split", async () => {
    const hub = await mockHub();
    vi.stubEnv("HF_ENDPOINT", hub.endpoint);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    vi.stubEnv("HF_HUB_CACHE", newFolder());
    hub.files.set("org/set/easy/test-0.parquet", { content: Buffer.from("PAR1") });
    const { pinned } = await fresh().data("hf://datasets/org/set?config=easy&split=test");
    expect(pinned).toBe(`hf://datasets/org/set@${COMMIT}?config=easy&split=test`);
  });
});

describe("a model", () => {
  it.each(["model.gguf", "pytorch_model.bin", "pytorch_model-00002-of-00002.bin", "adapter_model.bin"])(
    "is another one where %s beside its settings is",
    async (name) => {
      const model = newFolder();
      writeFileSync(join(model, "config.json"), "{}");
      writeFileSync(join(model, name), "one");
      const digest = await fresh().model(model);
      writeFileSync(join(model, "training_args.bin"), "of a trainer");
      expect(await fresh().model(model)).toBe(digest);
      writeFileSync(join(model, name), "two");
      expect(await fresh().model(model)).not.toBe(digest);
    },
  );

  it("may be a GGUF file, with all parts of a split one, and nothing else beside it", async () => {
    const place = newFolder();
    const part = (no: number) => join(place, `m-0000${no}-of-00002.gguf`);
    for (const no of [1, 2]) writeFileSync(part(no), `part ${no}`);
    const digest = await fresh().model(part(1));
    writeFileSync(join(place, "other.gguf"), "another model");
    expect(await fresh().model(part(1))).toBe(digest);
    writeFileSync(part(2), "other weights");
    expect(await fresh().model(part(1))).not.toBe(digest);
  });

  it("is told by what its files hold, and not by their times", async () => {
    const [a, b] = [newFolder(), newFolder()];
    writeFileSync(join(a, "model.safetensors"), "12345678");
    copyFileSync(join(a, "model.safetensors"), join(b, "model.safetensors"));
    utimesSync(join(b, "model.safetensors"), 1, 1);
    const digest = await fresh().model(a);
    expect(await fresh().model(b)).toBe(digest);
    writeFileSync(join(b, "model.safetensors"), "12345679");
    expect(await fresh().model(b)).not.toBe(digest);
  });

  it("of more than 256 MiB too, also where size and time of change stay", async () => {
    const place = newFolder();
    const file = join(place, "model.safetensors");
    const bytes = 2 ** 28 + 4096;
    const write = (text: string) => {
      writeFileSync(file, text);
      truncateSync(file, bytes); // sparse
      utimesSync(file, 1000, 1000);
    };
    const digests = fresh();
    write("one");
    const one = await digests.model(place);
    write("two");
    expect(statSync(file)).toMatchObject({ size: bytes, mtimeMs: 1_000_000 });
    expect(await digests.model(place)).not.toBe(one);
    write("one");
    expect(await digests.model(place)).toBe(one);
  });

  it("and its adapter are told apart", async () => {
    const [a, b] = [newFolder(), newFolder()];
    writeFileSync(join(a, "config.json"), "{}");
    writeFileSync(join(b, "adapter_config.json"), "{}");
    const digests = fresh();
    const all = [await digests.model(a), await digests.model(b), await digests.model(`${a}+${b}`)];
    expect(new Set(all).size).toBe(3);
  });
});

it("does not read a large file again that was not written to", async () => {
  const out = newFolder();
  const file = process.execPath; // large, and old
  const digest = await new Digests(out).modelOrFile(file);
  const kept = join(out, "digests.json");
  const { files, ...rest } = JSON.parse(readFileSync(kept, "utf8")) as { files: Record<string, string> };
  const [[identity, sha256] = []] = Object.entries(files);
  expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(await new Digests(out).modelOrFile(file)).toBe(digest);
  // what is kept is what counts
  writeFileSync(kept, JSON.stringify({ ...rest, files: { [identity as string]: "0".repeat(64) } }));
  expect(await new Digests(out).modelOrFile(file)).not.toBe(digest);
  writeFileSync(kept, "no JSON");
  expect(await new Digests(out).modelOrFile(file)).toBe(digest);
});
